/** Reads what a ByteWriter wrote. */
export class ByteReader {
  readonly bytes: Buffer;
  readonly view: DataView;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  word(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  double(): number {
    return this.view.getFloat64(this.skip(8), true);
  }

  /** A view of bytes that were written behind their number. */
  block(): Buffer {
    const length = this.word();
    const from = this.skip(length);
    return this.bytes.subarray(from, from + length);
  }

  /** Goes on behind so many bytes and returns where they begin. */
  skip(count: number): number {
    const from = this.at;
    this.at += count;
    return from;
  }
}
