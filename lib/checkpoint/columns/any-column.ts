import { pack, unpack } from "../codec.ts";
import { readBinaries, writeBinaries } from "./binaries.ts";
import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Column, columnBy, columnOf, roomFor } from "./column.ts";
import { KIND } from "./kinds.ts";
import { readLists, readMaps, readRecords, readTuples, writeArrays, writeMaps, writeRecords } from "./nested.ts";
import { readDoubles, readIntegers, writeNumbers } from "./numbers.ts";
import { readTexts, writeTexts } from "./texts.ts";

/**
 * Writes a column of plain data: what is alike is written in one loop or one call. What has no kind of its own is
 * MessagePack, and comes back as that would give it.
 */
export function writeColumn(writer: ByteWriter, column: Column): void {
  if (column.count === 0) return;
  if (looksRepeated(column) && writeRuns(writer, column)) return;
  if (writeTyped(writer, column) || writeGaps(writer, column)) return;
  writer.byte(KIND.packed);
  writer.block(pack(Array.from({ length: column.count }, (_, i) => column.values[column.from + i * column.step])));
}

function writeTyped(writer: ByteWriter, column: Column): boolean {
  const first = column.values[column.from];
  if (typeof first === "string") return writeTexts(writer, column);
  if (typeof first === "number") return writeNumbers(writer, column);
  if (typeof first !== "object" || first === null) return false;
  if (Array.isArray(first)) return writeArrays(writer, column, writeColumn);
  if (first instanceof Map) return writeMaps(writer, column, writeColumn);
  if (first instanceof Uint8Array) return writeBinaries(writer, column);
  return writeRecords(writer, column, writeColumn);
}

/** Whether equal values seem to stand beside each other, by a look at three places. */
function looksRepeated({ values, from, step, count }: Column): boolean {
  if (count < LEAST_REPEATED) return false;
  let equal = 0;
  for (const place of [0, count >> 1, (count * 3) >> 2]) {
    const at = from + place * step;
    if (values[at] === values[at + step]) equal++;
  }
  return equal >= 2;
}

const LEAST_REPEATED = 8;

/** Writes a column of values that repeat; false when they do too seldom, or are no primitives. */
function writeRuns(writer: ByteWriter, { values, from, step, count }: Column): boolean {
  const most = count >> 2;
  const heads: unknown[] = [];
  const lengths: number[] = [];
  let begun = 0;
  for (let i = 1; i <= count; i++) {
    const head = values[from + begun * step];
    if (i < count && values[from + i * step] === head) continue;
    if (heads.length >= most || (typeof head === "object" && head !== null)) return false;
    heads.push(head);
    lengths.push(i - begun);
    begun = i;
  }
  writer.byte(KIND.runs);
  writer.word(heads.length);
  writeColumn(writer, columnBy(lengths, same));
  writeColumn(writer, columnBy(heads, same));
  return true;
}

function same(value: unknown): unknown {
  return value;
}

/** Writes a column in which some values are null or undefined; false when none is. */
function writeGaps(writer: ByteWriter, { values, from, step, count }: Column): boolean {
  let missing = 0;
  const head = writer.reserve(1 + count);
  const { bytes } = writer;
  for (let i = 0; i < count; i++) {
    const value = values[from + i * step];
    bytes[head + 1 + i] = value === null ? NULL : value === undefined ? UNDEFINED : PRESENT;
    if (value === null || value === undefined) missing++;
  }
  if (missing === 0) return false;
  const present = roomFor(count - missing);
  for (let i = 0, at = 0; i < count; i++) if (bytes[head + 1 + i] === PRESENT) present[at++] = values[from + i * step];
  bytes[head] = KIND.gaps;
  writer.length = head + 1 + count;
  writeColumn(writer, columnOf(present));
  return true;
}

const PRESENT = 0;
const NULL = 1;
const UNDEFINED = 2;

/** Reads a column of so many values; throws UnknownKind. */
export function readColumn(reader: ByteReader, count: number): unknown[] {
  if (count === 0) return [];
  const kind = reader.byte();
  switch (kind) {
    case KIND.packed:
      return unpack<unknown[]>(reader.block());
    case KIND.integers:
      return readIntegers(reader, count);
    case KIND.doubles:
      return readDoubles(reader, count);
    case KIND.texts:
      return readTexts(reader, count);
    case KIND.binaries:
      return readBinaries(reader, count);
    case KIND.runs:
      return readRuns(reader, count);
    case KIND.gaps:
      return readGaps(reader, count);
    case KIND.tuples:
      return readTuples(reader, count, readColumn);
    case KIND.lists:
      return readLists(reader, count, readColumn);
    case KIND.records:
      return readRecords(reader, count, readColumn);
    case KIND.maps:
      return readMaps(reader, count, readColumn);
    default:
      throw new UnknownKind(kind);
  }
}

/** A column of a kind that this version does not know. */
export class UnknownKind extends Error {
  constructor(kind: number) {
    super(`a column of kind ${kind}`);
  }
}

function readRuns(reader: ByteReader, count: number): unknown[] {
  const runs = reader.word();
  const lengths = readColumn(reader, runs) as number[];
  const heads = readColumn(reader, runs);
  const values = new Array<unknown>(count);
  let at = 0;
  for (let run = 0; run < runs; run++) {
    const end = at + (lengths[run] as number);
    values.fill(heads[run], at, end);
    at = end;
  }
  return values;
}

function readGaps(reader: ByteReader, count: number): unknown[] {
  const marks = reader.skip(count);
  const { bytes } = reader;
  let present = 0;
  for (let i = 0; i < count; i++) if (bytes[marks + i] === PRESENT) present++;
  const values = readColumn(reader, present);
  let next = 0;
  return Array.from({ length: count }, (_, i) => {
    const mark = bytes[marks + i];
    return mark === PRESENT ? values[next++] : mark === NULL ? null : undefined;
  });
}
