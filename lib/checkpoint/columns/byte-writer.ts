/** Bytes that grow as they are written; numbers are little endian. Loops may write to `bytes` and `view` themselves. */
export class ByteWriter {
  bytes: Buffer = Buffer.alloc(0);
  view: DataView = viewOf(this.bytes);
  /** How many bytes were written. */
  length = 0;

  /** Makes room for so many bytes more and returns where they begin. */
  reserve(count: number): number {
    const needed = this.length + count;
    if (needed > this.bytes.length) this.#grow(needed);
    return this.length;
  }

  byte(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
    this.length = at + 1;
  }

  word(value: number): void {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
    this.length = at + 4;
  }

  double(value: number): void {
    const at = this.reserve(8);
    this.view.setFloat64(at, value, true);
    this.length = at + 8;
  }

  /** Writes bytes behind their number. */
  block(bytes: Uint8Array): void {
    this.word(bytes.length);
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
    this.length = at + bytes.length;
  }

  /** What was written: a view, good until something else is. */
  written(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  /** Forgets what was written; memory stays for what is written next, unless it is unusually much. */
  clear(): void {
    this.length = 0;
    if (this.bytes.length > MOST_KEPT) this.#replace(Buffer.alloc(0));
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2, LEAST));
    larger.set(this.bytes.subarray(0, this.length));
    this.#replace(larger);
  }

  #replace(bytes: Buffer): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }
}

const LEAST = 4 * 1024;
const MOST_KEPT = 1024 * 1024;

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
