import { crc32 } from "node:zlib";
import { ByteWriter } from "./columns/byte-writer.ts";
import { damaged } from "./errors.ts";

/**
 * One frame in a blob, little endian:
 *
 *     0  magic "TMF1"        12 kind        24 sequence (8)
 *     4  length of all       13 flags       32 nonce (16)
 *     8  crc32 of the rest   16 generation  48 status, body
 *                            20 length of the status
 *
 * and the length once more in the last four bytes, so that a log can be read from its end.
 */
export interface FrameHead {
  readonly kind: FrameKind;
  readonly generation: number;
  readonly sequence: number;
  readonly nonce: Uint8Array;
  /** The body names another blob that holds what would be too large for one append. */
  readonly external: boolean;
}

export interface FrameFields extends FrameHead {
  /** Small and never compressed: what an observer wants to know without reading the body. */
  readonly status: Uint8Array;
  readonly body: Uint8Array;
}

/** A frame as found in a blob. */
export interface RawFrame extends FrameFields {
  readonly blob: string;
  readonly offset: number;
  /** Where the next frame begins. */
  readonly end: number;
}

/** header, fence, data, rotate, snapshot (a reference to one) make up a segment; part, pending, end a snapshot. */
export type FrameKind = "header" | "fence" | "data" | "rotate" | "snapshot" | "part" | "pending" | "end";

const KINDS: readonly FrameKind[] = ["header", "fence", "data", "rotate", "snapshot", "part", "pending", "end"];
const MAGIC = 0x31464d54;
const HEAD_BYTES = 48;
const FOOT_BYTES = 4;
const EXTERNAL = 1;
const WORD = 2 ** 32;

/** The bytes before a frame's status, enough to learn its length. */
export const FRAME_HEAD_BYTES: number = HEAD_BYTES;

/** Writes a frame. */
export function writeFrame(writer: ByteWriter, { status, body, ...head }: FrameFields): void {
  const frame = beginFrame(writer, status);
  writer.append(body);
  endFrame(writer, frame, head);
}

/** The bytes of a frame. */
export function encodeFrame(fields: FrameFields): Buffer {
  const writer = new ByteWriter();
  writeFrame(writer, fields);
  return writer.written();
}

/** A frame of which the body is being written. */
export interface OpenFrame {
  readonly from: number;
  /** Where its body begins. */
  readonly body: number;
}

/** Begins a frame: what is written next is its body. */
export function beginFrame(writer: ByteWriter, status: Uint8Array): OpenFrame {
  const from = writer.reserve(HEAD_BYTES);
  writer.length = from + HEAD_BYTES;
  writer.append(status);
  return { from, body: writer.length };
}

/** Ends the frame that was begun last. */
export function endFrame(writer: ByteWriter, { from, body }: OpenFrame, head: FrameHead): void {
  const { kind, external, sequence } = head;
  const length = writer.length + FOOT_BYTES - from;
  writer.word(length);
  const { view } = writer;
  view.setUint32(from, MAGIC, true);
  view.setUint32(from + 4, length, true);
  // Bytes 14 and 15 stay zero.
  view.setUint32(from + 12, (KINDS.indexOf(kind) + 1) | (external ? EXTERNAL << 8 : 0), true);
  view.setUint32(from + 16, head.generation, true);
  view.setUint32(from + 20, body - from - HEAD_BYTES, true);
  view.setUint32(from + 24, sequence % WORD, true);
  view.setUint32(from + 28, Math.floor(sequence / WORD), true);
  writer.bytes.set(head.nonce, from + 32);
  view.setUint32(from + 8, checksum(writer.bytes.subarray(from, from + length)), true);
}

/**
 * Reads the frame that begins at `at` in `bytes`, of which the first is byte `base` of the blob. Undefined when the
 * bytes end within the frame; throws LOG_DAMAGED when what is there is no frame.
 */
export function decodeFrame(bytes: Buffer, at: number, blob: string, base: number): RawFrame | undefined {
  const offset = base + at;
  if (bytes.length - at < HEAD_BYTES) return undefined;
  if (bytes.readUInt32LE(at) !== MAGIC) throw damaged("no frame begins here", blob, offset);
  const length = bytes.readUInt32LE(at + 4);
  const statusLength = bytes.readUInt32LE(at + 20);
  if (length < HEAD_BYTES + FOOT_BYTES) throw damaged("a frame has an impossible length", blob, offset);
  if (bytes.length - at < length) return undefined;
  const frame = bytes.subarray(at, at + length);
  const kind = KINDS[frame.readUInt8(12) - 1];
  const fits = HEAD_BYTES + statusLength + FOOT_BYTES <= length;
  if (!fits || kind === undefined || frame.readUInt32LE(8) !== checksum(frame)) {
    throw damaged("a frame's checksum does not fit its bytes", blob, offset);
  }
  return {
    kind,
    generation: frame.readUInt32LE(16),
    sequence: frame.readUInt32LE(24) + frame.readUInt32LE(28) * WORD,
    nonce: frame.subarray(32, HEAD_BYTES),
    external: (frame.readUInt8(13) & EXTERNAL) !== 0,
    status: frame.subarray(HEAD_BYTES, HEAD_BYTES + statusLength),
    body: frame.subarray(HEAD_BYTES + statusLength, length - FOOT_BYTES),
    blob,
    offset,
    end: offset + length,
  };
}

/** The length of the frame that ends where the bytes end, by its last four bytes. */
export function lastFrameLength(bytes: Buffer): number {
  return bytes.readUInt32LE(bytes.length - FOOT_BYTES);
}

function checksum(frame: Buffer): number {
  return crc32(frame.subarray(12), crc32(frame.subarray(0, 8)));
}
