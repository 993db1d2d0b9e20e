import { deflateRawSync, inflateRawSync } from "node:zlib";
import { Packr } from "msgpackr";
import type { OutboxEntry, StoreChange } from "../engine/frame.ts";

// Synchronous on purpose: a thread pool would make the order of things depend on chance.
const packr = new Packr({ useRecords: true, copyBuffers: true });
const LEVEL = 1;

/** Plain data as MessagePack. */
export function pack(value: unknown): Uint8Array {
  return packr.pack(value);
}

/** What `pack` packed. */
export function unpack<T>(bytes: Uint8Array): T {
  return packr.unpack(bytes) as T;
}

/**
 * A body is a list of parts, state first, each encoded and decoded in one go: bounded, so that nothing blocks for long,
 * and apart, so that a recovery need not decode messages that were delivered.
 */
export interface EncodedPart {
  readonly kind: PartKind;
  /** Where it begins in the body. */
  readonly offset: number;
  readonly deflated: Uint8Array;
}

export type PartKind = "state" | "outbox";

/** Messages of the outbox entry with this index. */
type OutboxPart = readonly [index: number, sink: string, messages: readonly unknown[]];

type PackedChanges = [
  entries: [store: string, bucket: number, entries: readonly unknown[]][],
  drops: [store: string, bucket: number][],
];

const PART_KINDS: readonly PartKind[] = ["state", "outbox"];
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
      const piece = at === 0 && entries.length <= room * 2 ? entries : entries.slice(at, at + room * 2);
      packed[0].push([store, bucket, piece]);
      at += piece.length;
      room -= piece.length / 2;
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

function encodePart(kind: PartKind, value: unknown): Uint8Array {
  const deflated = deflateRawSync(pack(value), { level: LEVEL });
  const bytes = Buffer.allocUnsafe(PART_HEAD_BYTES + deflated.length);
  bytes.writeUInt8(PART_KINDS.indexOf(kind), 0);
  bytes.writeUInt32LE(deflated.length, 1);
  bytes.set(deflated, PART_HEAD_BYTES);
  return bytes;
}

/** The parts of a body, still compressed. */
export function* partsOf(body: Uint8Array): Generator<EncodedPart> {
  const view = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  for (let at = 0; at < view.length; ) {
    const end = at + PART_HEAD_BYTES + view.readUInt32LE(at + 1);
    const kind = PART_KINDS[view.readUInt8(at)];
    if (kind === undefined || end > view.length) throw new RangeError("A part of the body is not one.");
    yield { kind, offset: at, deflated: view.subarray(at + PART_HEAD_BYTES, end) };
    at = end;
  }
}

/** The changes in a part of kind "state". */
export function decodeChanges(deflated: Uint8Array): StoreChange[] {
  const [entries, drops] = unpack<PackedChanges>(inflateRawSync(deflated));
  const changes: StoreChange[] = entries.map(([store, bucket, list]) => ({ store, bucket, entries: list }));
  for (const [store, bucket] of drops) changes.push({ store, bucket, entries: [], dropped: true });
  return changes;
}

/** The outbox in a body: its parts of kind "outbox", put together as they were committed. */
export function decodeOutbox(body: Uint8Array): OutboxEntry[] {
  const outbox: { sink: string; messages: unknown[] }[] = [];
  for (const { kind, deflated } of partsOf(body)) {
    if (kind !== "outbox") continue;
    for (const [index, sink, messages] of unpack<OutboxPart[]>(inflateRawSync(deflated))) {
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
