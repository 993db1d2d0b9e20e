import { crc32 } from "node:zlib";
import type { BlobPort } from "./blob-port.ts";
import { unpack } from "./codec.ts";
import { damaged, missing } from "./errors.ts";
import { decodeFrame, FRAME_HEAD_BYTES, lastFrameLength, type RawFrame } from "./frame-format.ts";
import type { PayloadRef } from "./records.ts";

const WINDOW_BYTES = 4 * 1024 * 1024;

/** Windows for whoever must not hold up others: copying and checking a large one takes milliseconds. */
export const SMALL_WINDOW: number = 512 * 1024;

/**
 * Yields a blob's frames from a byte on, reading ahead by one window. Throws LOG_MISSING when the blob is gone and
 * LOG_DAMAGED at the first byte that belongs to no whole frame.
 */
export async function* readFrames(
  blobs: BlobPort,
  name: string,
  from: number,
  windowBytes: number = WINDOW_BYTES,
): AsyncGenerator<RawFrame> {
  let rest: Buffer = Buffer.alloc(0);
  let base = from;
  let next = readRange(blobs, name, from, from + windowBytes);
  for (;;) {
    const window = await next;
    const full = window.length === windowBytes;
    const bytes: Buffer = rest.length === 0 ? window : Buffer.concat([rest, window]);
    const end = base + bytes.length;
    if (full) next = readRange(blobs, name, end, end + windowBytes);
    next.catch(() => {});
    let at = 0;
    for (let frame = decodeFrame(bytes, at, name, base); frame; frame = decodeFrame(bytes, at, name, base)) {
      at = frame.end - base;
      yield frame;
    }
    base += at;
    rest = bytes.subarray(at);
    if (!full) break;
  }
  // Appends are atomic: a frame that ends early was not cut off by a crash.
  if (rest.length > 0) throw damaged("a frame is cut off", name, base);
}

/** The last frame of a blob whose length is known, without reading the others; undefined for an empty blob. */
export async function readLastFrame(blobs: BlobPort, name: string, size: number): Promise<RawFrame | undefined> {
  if (size === 0) return undefined;
  let from = Math.max(0, size - TAIL_BYTES);
  let bytes = await readRange(blobs, name, from, size);
  if (bytes.length >= FRAME_HEAD_BYTES) {
    const length = lastFrameLength(bytes);
    if (length > size) throw damaged("the last frame has an impossible length", name, size - 4);
    if (length > bytes.length) {
      from = size - length;
      bytes = await readRange(blobs, name, from, size);
    }
    const frame = decodeFrame(bytes, bytes.length - length, name, from);
    if (frame !== undefined) return frame;
  }
  throw damaged("the last frame is cut off", name, from);
}

const TAIL_BYTES = 64 * 1024;

async function readRange(blobs: BlobPort, name: string, from: number, to: number): Promise<Buffer> {
  const bytes = await blobs.read(name, from, to);
  if (bytes === undefined) throw missing(name, "it was there a moment ago");
  return asBuffer(bytes);
}

/** A frame's body, also when it lies in a blob of its own. */
export async function bodyOf(blobs: BlobPort, frame: RawFrame): Promise<Uint8Array> {
  if (!frame.external) return frame.body;
  const { name, bytes, crc } = unpack<PayloadRef>(frame.body);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes; at += WINDOW_BYTES) {
    pieces.push(await readRange(blobs, name, at, Math.min(at + WINDOW_BYTES, bytes)));
  }
  const body = Buffer.concat(pieces);
  if (body.length !== bytes || crc32(body) !== crc) throw damaged("a frame's body does not fit its checksum", name, 0);
  return body;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
