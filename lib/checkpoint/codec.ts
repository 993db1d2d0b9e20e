import { constants, inflateRawSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Packr } from "msgpackr";
import type { OutboxEntry, StoreChange } from "../engine/frame.ts";

// Synchronous on purpose: a thread pool would make the order of things depend on chance.
const packr = new Packr({ useRecords: true, copyBuffers: true });
// Half the time of deflate's fastest level, for about the same size.
const FASTEST = { [constants.ZSTD_c_compressionLevel]: 1 };

/** Setting a compression up takes longer than packing thousands of bytes: a smaller part stays as it is. */
const COMPRESSED_FROM_BYTES = 2_048;

/** Plain data as MessagePack. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** What `pack` packed. */
export function unpack<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

// Without records: their definitions only pay where many alike follow each other.
const maps = new Packr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });

/** Plain data without maps as MessagePack, for one small thing of its kind. */
export function packAlone(value: unknown): Uint8Array {
  return maps.pack(value);
}

/** What `packAlone` packed; also what `pack` packed. */
export function unpackAlone<T>(bytes: Uint8Array): T {
  return maps.unpack(bytes) as T;
}

/**
 * A body is a list of parts, state first, each encoded and decoded in one go: bounded, so that nothing blocks for long,
 * and apart, so that a recovery need not decode messages that were delivered.
 */
export interface EncodedPart {
  readonly kind: PartKind;
  readonly form: PartForm;
  /** Where it begins in the body. */
  readonly offset: number;
  readonly packed: Uint8Array;
}

export type PartKind = "state" | "outbox";

/** How a part is written: "columns", or "plain" when it is small; "pairs" is what logs hold that are older. */
type PartForm = "pairs" | "columns" | "plain";

/** Messages of the outbox entry with this index. */
type OutboxPart = readonly [index: number, sink: string, messages: readonly unknown[]];

type PackedChanges = [entries: PackedEntries[], drops: [store: string, bucket: number][]];

/** Keys and values apart: alike things beside each other are smaller and faster to read. */
type PackedEntries = [store: string, bucket: number, keys: readonly string[], values: readonly unknown[]];

type PackedPairs = [store: string, bucket: number, entries: readonly unknown[]];

/** By the byte that a part begins with. */
const PART_TYPES: readonly (readonly [PartKind, PartForm])[] = [
  ["state", "pairs"],
  ["outbox", "pairs"],
  ["state", "columns"],
  ["outbox", "columns"],
  ["state", "plain"],
  ["outbox", "plain"],
];
const PART_HEAD_BYTES = 5;

/** Yields a body part by part, none with more than `sliceItems` keys or messages; drops come after all entries. */
export function* encodeParts(
  changes: readonly StoreChange[],
  outbox: readonly OutboxEntry[],
  sliceItems: number,
): Generator<Uint8Array> {
  let packed: PackedChanges = [[], []];
  let room = sliceItems;
  for (const { store, bucket, entries } of changes) {
    for (let at = 0; at < entries.length; ) {
      const end = Math.min(entries.length, at + room * 2);
      packed[0].push(columns(store, bucket, entries, at, end));
      room -= (end - at) / 2;
      at = end;
      if (room > 0) continue;
      yield encodePart("state", packed);
      packed = [[], []];
      room = sliceItems;
    }
  }
  for (const { store, bucket, dropped } of changes) if (dropped) packed[1].push([store, bucket]);
  if (packed[0].length + packed[1].length > 0) yield encodePart("state", packed);
  yield* encodeOutbox(outbox, sliceItems);
}

/** Yields an outbox in parts of at most `sliceItems` messages. */
export function* encodeOutbox(outbox: readonly OutboxEntry[], sliceItems: number): Generator<Uint8Array> {
  let packed: OutboxPart[] = [];
  let room = sliceItems;
  for (const [index, { sink, messages }] of outbox.entries()) {
    for (let at = 0; at < messages.length; ) {
      const piece = at === 0 && messages.length <= room ? messages : messages.slice(at, at + room);
      packed.push([index, sink, piece]);
      at += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      yield encodePart("outbox", packed);
      packed = [];
      room = sliceItems;
    }
  }
  if (packed.length > 0) yield encodePart("outbox", packed);
}

function columns(store: string, bucket: number, entries: readonly unknown[], from: number, to: number): PackedEntries {
  const keys: string[] = [];
  const values: unknown[] = [];
  for (let i = from; i < to; i += 2) {
    keys.push(entries[i] as string);
    values.push(entries[i + 1]);
  }
  return [store, bucket, keys, values];
}

function encodePart(kind: PartKind, value: unknown): Uint8Array {
  const plain = pack(value);
  const { length } = plain;
  const written = length < COMPRESSED_FROM_BYTES ? "plain" : "columns";
  const packed =
    written === "plain"
      ? plain
      : zstdCompressSync(plain, { params: FASTEST, pledgedSrcSize: length, chunkSize: chunkOf(length / 2) });
  const bytes = Buffer.allocUnsafe(PART_HEAD_BYTES + packed.length);
  bytes.writeUInt8(
    PART_TYPES.findIndex(([of, form]) => of === kind && form === written),
    0,
  );
  bytes.writeUInt32LE(packed.length, 1);
  bytes.set(packed, PART_HEAD_BYTES);
  return bytes;
}

/** Results come in one chunk as a rule: several would have to be joined. */
function chunkOf(expectedBytes: number): number {
  return Math.min(Math.max(Math.ceil(expectedBytes), 1_024), 1024 * 1024);
}

/** The parts of a body, not decoded yet. */
export function* partsOf(body: Uint8Array): Generator<EncodedPart> {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < view.length; ) {
    const end = at + PART_HEAD_BYTES + view.readUInt32LE(at + 1);
    const type = PART_TYPES[view.readUInt8(at)];
    if (type === undefined || end > view.length) throw new RangeError("A part of the body is not one.");
    yield { kind: type[0], form: type[1], offset: at, packed: view.subarray(at + PART_HEAD_BYTES, end) };
    at = end;
  }
}

/** The changes in a part of kind "state". */
export function decodeChanges(part: EncodedPart): StoreChange[] {
  const [entries, drops] = unpackPart<[PackedEntries[] | PackedPairs[], PackedChanges[1]]>(part);
  const changes: StoreChange[] = entries.map((one) => ({ store: one[0], bucket: one[1], entries: pairsOf(one) }));
  for (const [store, bucket] of drops) changes.push({ store, bucket, entries: [], dropped: true });
  return changes;
}

function pairsOf([, , first, values]: PackedEntries | PackedPairs): readonly unknown[] {
  if (values === undefined) return first;
  const pairs: unknown[] = [];
  for (let i = 0; i < first.length; i++) pairs.push(first[i], values[i]);
  return pairs;
}

function unpackPart<T>({ form, packed }: EncodedPart): T {
  if (form === "plain") return unpack<T>(packed);
  if (form === "pairs") return unpack<T>(inflateRawSync(packed));
  return unpack<T>(zstdDecompressSync(packed, { chunkSize: chunkOf(packed.length * EXPANSION) }));
}

const EXPANSION = 6;

/** The outbox in a body: its parts of kind "outbox", put together as they were committed. */
export function decodeOutbox(body: Uint8Array): OutboxEntry[] {
  const outbox: { sink: string; messages: unknown[] }[] = [];
  for (const part of partsOf(body)) {
    if (part.kind !== "outbox") continue;
    for (const [index, sink, messages] of unpackPart<OutboxPart[]>(part)) {
      const entry = outbox[index] ?? { sink, messages: [] };
      outbox[index] = entry;
      for (const message of messages) entry.messages.push(message);
    }
  }
  return outbox.filter((entry) => entry !== undefined);
}

/** The part of a body that holds its outbox, still encoded; empty when it has none. */
export function outboxOf(body: Uint8Array): Uint8Array {
  // Outbox parts come last.
  for (const { kind, offset } of partsOf(body)) if (kind === "outbox") return body.subarray(offset);
  return body.subarray(body.length);
}
