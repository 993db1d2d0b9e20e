import { constants, inflateRawSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { UnknownKind } from "./columns/any-column.ts";
import type { ByteWriter } from "./columns/byte-writer.ts";
import { type LogPlace, unknownForm } from "./errors.ts";

/**
 * A body is a list of parts, state first, each encoded and decoded in one go: bounded, so that nothing blocks for long,
 * and apart, so that a recovery need not decode messages that were delivered. A part begins with a byte that says what
 * it is, and its length.
 */
export interface EncodedPart extends PartType {
  /** Where it begins in the body. */
  readonly offset: number;
  /** Whose body it is, for errors. */
  readonly place: LogPlace;
  readonly encoded: Uint8Array;
}

export interface PartType {
  readonly kind: "state" | "outbox";
  readonly encoding: "messagepack" | "columns";
  readonly compression: "none" | "deflate" | "zstd";
}

/** By the byte that a part begins with. Deflate is what older logs hold. */
const PART_TYPES: readonly PartType[] = [
  { kind: "state", encoding: "messagepack", compression: "deflate" },
  { kind: "outbox", encoding: "messagepack", compression: "deflate" },
  { kind: "state", encoding: "messagepack", compression: "zstd" },
  { kind: "outbox", encoding: "messagepack", compression: "zstd" },
  { kind: "state", encoding: "messagepack", compression: "none" },
  { kind: "outbox", encoding: "messagepack", compression: "none" },
  { kind: "state", encoding: "columns", compression: "none" },
  { kind: "outbox", encoding: "columns", compression: "none" },
  { kind: "state", encoding: "columns", compression: "zstd" },
  { kind: "outbox", encoding: "columns", compression: "zstd" },
];
const HEAD_BYTES = 5;

/** With fewer keys or messages than this, columns take longer than MessagePack. */
export const COLUMNS_FROM = 16;

/** Writes a part whose contents `write` writes; compresses them when they have at least so many bytes. */
export function writePart(
  writer: ByteWriter,
  kind: PartType["kind"],
  encoding: PartType["encoding"],
  compressedFrom: number,
  write: () => void,
): void {
  const head = writer.reserve(HEAD_BYTES);
  const from = head + HEAD_BYTES;
  writer.length = from;
  write();
  const compression = writer.length - from < compressedFrom ? "none" : "zstd";
  if (compression === "zstd") compress(writer, from);
  const type = PART_TYPES.findIndex(
    (one) => one.kind === kind && one.encoding === encoding && one.compression === compression,
  );
  writer.bytes[head] = type;
  writer.view.setUint32(head + 1, writer.length - from, true);
}

// Half the time of deflate's fastest level, for about the same size. Synchronous on purpose: a thread pool would make
// the order of things depend on chance.
const FASTEST = { [constants.ZSTD_c_compressionLevel]: 1 };

function compress(writer: ByteWriter, from: number): void {
  const plain = writer.bytes.subarray(from, writer.length);
  const { length } = plain;
  const compressed = zstdCompressSync(plain, {
    params: FASTEST,
    pledgedSrcSize: length,
    chunkSize: chunkOf(length / 2),
  });
  writer.length = from;
  writer.reserve(compressed.length);
  writer.bytes.set(compressed, from);
  writer.length = from + compressed.length;
}

/** The parts of a body, not decoded yet. Throws UNSUPPORTED when one is of a form that this version does not know. */
export function* partsOf(body: Uint8Array, place: LogPlace): Generator<EncodedPart> {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < view.length; ) {
    const end = at + HEAD_BYTES + view.readUInt32LE(at + 1);
    const form = view.readUInt8(at);
    const type = PART_TYPES[form];
    if (type === undefined || end > view.length) throw unknownForm(`a part of form ${form}`, place);
    yield { ...type, offset: at, place, encoded: view.subarray(at + HEAD_BYTES, end) };
    at = end;
  }
}

/** Decodes a part's contents; throws UNSUPPORTED when they are of a form that this version does not know. */
export function decoding<T>(part: EncodedPart, decode: (contents: Uint8Array) => T): T {
  try {
    return decode(contentsOf(part));
  } catch (error) {
    if (error instanceof UnknownKind) throw unknownForm(error.message, part.place);
    throw error;
  }
}

/** A part's contents as they were before they were compressed. */
function contentsOf({ compression, encoded }: EncodedPart): Uint8Array {
  if (compression === "none") return encoded;
  if (compression === "deflate") return inflateRawSync(encoded);
  return zstdDecompressSync(encoded, { chunkSize: chunkOf(encoded.length * EXPANSION) });
}

const EXPANSION = 6;

/** Results come in one chunk as a rule: several would have to be joined. */
function chunkOf(expectedBytes: number): number {
  return Math.min(Math.max(Math.ceil(expectedBytes), 1_024), 1024 * 1024);
}
