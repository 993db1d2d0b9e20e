import type { Duplex } from "node:stream";
import { deserialize, serialize } from "node:v8";

const PREFIX_BYTES = 8;

/**
 * Messages over a byte stream: two lengths, a structured message, and a blob that is never parsed. A batch of events
 * travels as one blob, which costs a copy of the bytes where serializing a thousand Buffers costs a thousand objects.
 */
export class FramedChannel<Incoming, Outgoing> {
  readonly #stream: Duplex;
  readonly #onMessage: (message: Incoming, blob: Buffer) => void;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #wanted = PREFIX_BYTES;

  constructor(stream: Duplex, onMessage: (message: Incoming, blob: Buffer) => void) {
    this.#stream = stream;
    this.#onMessage = onMessage;
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    // A dead peer is noticed by its process ending, not by a write that fails.
    stream.on("error", () => {});
  }

  /** Sends a message and, after it, the bytes of the bodies. */
  send(message: Outgoing, bodies: readonly Uint8Array[] = []): void {
    if (this.#stream.destroyed) return;
    const head = serialize(message);
    const blobBytes = bodies.reduce((sum, body) => sum + body.length, 0);
    const frame = Buffer.allocUnsafe(PREFIX_BYTES + head.length + blobBytes);
    frame.writeUInt32LE(head.length, 0);
    frame.writeUInt32LE(blobBytes, 4);
    let at = PREFIX_BYTES + head.copy(frame, PREFIX_BYTES);
    for (const body of bodies) {
      frame.set(body, at);
      at += body.length;
    }
    this.#stream.write(frame);
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    // Chunks are joined only when a whole frame is there, so a large frame is copied once.
    while (this.#buffered >= this.#wanted) {
      const joined = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks);
      const rest = this.#readFrames(joined);
      this.#chunks = rest.length === 0 ? [] : [rest];
      this.#buffered = rest.length;
    }
  }

  #readFrames(bytes: Buffer): Buffer {
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      if (left < PREFIX_BYTES) {
        this.#wanted = PREFIX_BYTES;
        return bytes.subarray(at);
      }
      const headEnd = at + PREFIX_BYTES + bytes.readUInt32LE(at);
      const end = headEnd + bytes.readUInt32LE(at + 4);
      if (bytes.length < end) {
        this.#wanted = end - at;
        return bytes.subarray(at);
      }
      const message = deserialize(bytes.subarray(at + PREFIX_BYTES, headEnd)) as Incoming;
      this.#onMessage(message, bytes.subarray(headEnd, end));
      at = end;
    }
  }
}
