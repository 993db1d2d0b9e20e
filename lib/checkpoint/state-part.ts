import type { StoreChange } from "../engine/frame.ts";
import { pack, unpack } from "./codec.ts";
import { readColumn, writeColumn } from "./columns/any-column.ts";
import { ByteReader } from "./columns/byte-reader.ts";
import type { ByteWriter } from "./columns/byte-writer.ts";
import { columnBy } from "./columns/column.ts";
import { COLUMNS_FROM, decoding, type EncodedPart, writePart } from "./part.ts";

/** Entries of one bucket, from one index up to another. */
export interface ChangeSlice extends BucketName {
  /** Key, value, key, value … */
  readonly entries: readonly unknown[];
  readonly from: number;
  readonly to: number;
}

export interface BucketName {
  readonly store: string;
  readonly bucket: number;
}

/** As MessagePack. Keys and values apart: alike things beside each other are smaller and faster to read. */
type PackedChanges = [entries: (PackedEntries | PackedPairs)[], drops: [store: string, bucket: number][]];
type PackedEntries = [store: string, bucket: number, keys: readonly unknown[], values: readonly unknown[]];
/** What logs hold that are older: keys and values in turn. */
type PackedPairs = [store: string, bucket: number, entries: readonly unknown[]];

/** Writes a part of kind "state". */
export function writeState(
  writer: ByteWriter,
  slices: readonly ChangeSlice[],
  drops: readonly BucketName[],
  compressedFrom: number,
): void {
  const keys = slices.reduce((sum, slice) => sum + keysOf(slice), 0);
  if (keys < COLUMNS_FROM) {
    writePart(writer, "state", "messagepack", compressedFrom, () => writer.append(pack(packChanges(slices, drops))));
  } else {
    writePart(writer, "state", "columns", compressedFrom, () => writeChanges(writer, slices, drops));
  }
}

/** The changes in a part of kind "state". */
export function decodeChanges(part: EncodedPart): StoreChange[] {
  return decoding(part, (contents) =>
    part.encoding === "messagepack" ? unpackChanges(contents) : readChanges(new ByteReader(contents)),
  );
}

function packChanges(slices: readonly ChangeSlice[], drops: readonly BucketName[]): PackedChanges {
  return [
    slices.map((slice) => {
      const entries = entriesOf([slice]);
      const keys = entries.filter((_, i) => i % 2 === 0);
      return [slice.store, slice.bucket, keys, entries.filter((_, i) => i % 2 === 1)];
    }),
    drops.map(({ store, bucket }) => [store, bucket]),
  ];
}

function unpackChanges(contents: Uint8Array): StoreChange[] {
  const [packed, drops] = unpack<PackedChanges>(contents);
  const changes = packed.map(([store, bucket, first, values]): StoreChange => {
    return { store, bucket, entries: values === undefined ? first : pairs(first, values, 0, first.length) };
  });
  for (const [store, bucket] of drops) changes.push({ store, bucket, entries: [], dropped: true });
  return changes;
}

/**
 * Names of buckets, numbers of keys, names of buckets that are dropped; then, for all buckets of a store that follow each
 * other, one column of keys and one of values: buckets may be small.
 */
function writeChanges(writer: ByteWriter, slices: readonly ChangeSlice[], drops: readonly BucketName[]): void {
  writeNames(writer, slices);
  writeColumn(writer, columnBy(slices, keysOf));
  writeNames(writer, drops);
  for (const [from, to] of groupsOf(slices)) {
    const values = entriesOf(slices.slice(from, to));
    const count = values.length / 2;
    writeColumn(writer, { values, from: 0, step: 2, count });
    writeColumn(writer, { values, from: 1, step: 2, count });
  }
}

function readChanges(reader: ByteReader): StoreChange[] {
  const names = readNames(reader);
  const counts = readColumn(reader, names.length) as number[];
  const drops = readNames(reader);
  const changes: StoreChange[] = [];
  for (const [from, to] of groupsOf(names)) {
    const count = counts.slice(from, to).reduce((sum, keys) => sum + keys, 0);
    const keys = readColumn(reader, count);
    const values = readColumn(reader, count);
    let at = 0;
    for (let i = from; i < to; i++) {
      const end = at + (counts[i] as number);
      changes.push({ ...(names[i] as BucketName), entries: pairs(keys, values, at, end) });
      at = end;
    }
  }
  for (const name of drops) changes.push({ ...name, entries: [], dropped: true });
  return changes;
}

function writeNames(writer: ByteWriter, names: readonly BucketName[]): void {
  writer.word(names.length);
  writeColumn(
    writer,
    columnBy(names, ({ store }) => store),
  );
  writeColumn(
    writer,
    columnBy(names, ({ bucket }) => bucket),
  );
}

function readNames(reader: ByteReader): BucketName[] {
  const count = reader.word();
  const stores = readColumn(reader, count) as string[];
  const buckets = readColumn(reader, count) as number[];
  return stores.map((store, i) => ({ store, bucket: buckets[i] as number }));
}

/** From where to where buckets of one store follow each other. */
function* groupsOf(names: readonly BucketName[]): Generator<[from: number, to: number]> {
  let from = 0;
  for (let to = 1; to <= names.length; to++) {
    if (names[to]?.store === names[from]?.store) continue;
    yield [from, to];
    from = to;
  }
}

function keysOf({ from, to }: ChangeSlice): number {
  return (to - from) / 2;
}

/** Key, value, key, value … of all slices. */
function entriesOf(slices: readonly ChangeSlice[]): readonly unknown[] {
  const pieces = slices.map(({ entries, from, to }) =>
    from === 0 && to === entries.length ? entries : entries.slice(from, to),
  );
  return pieces.length === 1 ? (pieces[0] as readonly unknown[]) : ([] as unknown[]).concat(...pieces);
}

function pairs(keys: readonly unknown[], values: readonly unknown[], from: number, to: number): unknown[] {
  const entries: unknown[] = [];
  for (let i = from; i < to; i++) entries.push(keys[i], values[i]);
  return entries;
}
