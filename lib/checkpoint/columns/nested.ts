import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Column, columnOf, roomFor } from "./column.ts";
import { KIND } from "./kinds.ts";

/** Writes, reads a column of whatever values. */
export type WriteColumn = (writer: ByteWriter, column: Column) => void;
export type ReadColumn = (reader: ByteReader, count: number) => unknown[];

/** Writes a column of arrays; false when there is anything else. */
export function writeArrays(writer: ByteWriter, { values, from, step, count }: Column, write: WriteColumn): boolean {
  const width = (values[from] as readonly unknown[]).length;
  let total = 0;
  let equal = true;
  for (let i = 0, next = from; i < count; i++, next += step) {
    const value = values[next];
    if (!Array.isArray(value)) return false;
    total += value.length;
    if (value.length !== width) equal = false;
  }
  const lengths = roomFor(equal ? 0 : count);
  const elements = roomFor(total);
  let at = 0;
  for (let i = 0, next = from; i < count; i++, next += step) {
    const row = values[next] as readonly unknown[];
    const { length } = row;
    if (!equal) lengths[i] = length;
    for (let place = 0; place < length; place++) elements[at++] = row[place];
  }
  if (equal) {
    writer.byte(KIND.tuples);
    writer.word(width);
    for (let place = 0; place < width; place++) write(writer, { values: elements, from: place, step: width, count });
  } else {
    writer.byte(KIND.lists);
    write(writer, columnOf(lengths));
    write(writer, columnOf(elements));
  }
  return true;
}

/** Writes a column of plain objects that have the same fields in the same order; false when there is anything else. */
export function writeRecords(writer: ByteWriter, { values, from, step, count }: Column, write: WriteColumn): boolean {
  const first = values[from];
  if (!isPlain(first)) return false;
  const names = Object.keys(first);
  const width = names.length;
  const [leading] = names;
  if (leading === undefined || names.includes("__proto__")) return false;
  const fields = roomFor(width * count);
  let at = 0;
  for (let i = 0, next = from; i < count; i++, next += step) {
    const value = values[next];
    // Asking for a field brings an object up to date whose layout V8 has given up. If the loop did, V8 would take the
    // slow way through it for ever after: twice the time of a record.
    if (!isPlain(value) || !(leading in value)) return false;
    let place = 0;
    for (const name in value) {
      if (name !== names[place++]) return false;
      fields[at++] = value[name];
    }
    if (place !== width) return false;
  }
  writer.byte(KIND.records);
  writer.word(width);
  write(writer, columnOf(names));
  for (let place = 0; place < width; place++) write(writer, { values: fields, from: place, step: width, count });
  return true;
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Writes a column of maps; false when there is anything else. */
export function writeMaps(writer: ByteWriter, { values, from, step, count }: Column, write: WriteColumn): boolean {
  const sizes = roomFor(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const value = values[from + i * step];
    if (!isMap(value)) return false;
    sizes[i] = value.size;
    total += value.size;
  }
  const keys = roomFor(total);
  const contents = roomFor(total);
  // Two iterations: one over entries makes an array for each.
  let [keyed, filled] = [0, 0];
  for (let i = 0; i < count; i++) {
    const map = values[from + i * step] as ReadonlyMap<unknown, unknown>;
    for (const key of map.keys()) keys[keyed++] = key;
    for (const content of map.values()) contents[filled++] = content;
  }
  writer.byte(KIND.maps);
  write(writer, columnOf(sizes));
  write(writer, columnOf(keys));
  write(writer, columnOf(contents));
  return true;
}

function isMap(value: unknown): value is ReadonlyMap<unknown, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Map.prototype;
}

export function readTuples(reader: ByteReader, count: number, read: ReadColumn): unknown[][] {
  const width = reader.word();
  const columns = Array.from({ length: width }, () => read(reader, count));
  const rows = new Array<unknown[]>(count);
  for (let i = 0; i < count; i++) {
    const row: unknown[] = [];
    for (let place = 0; place < width; place++) row.push((columns[place] as unknown[])[i]);
    rows[i] = row;
  }
  return rows;
}

export function readLists(reader: ByteReader, count: number, read: ReadColumn): unknown[][] {
  const lengths = read(reader, count) as number[];
  const elements = read(reader, total(lengths));
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return elements.slice(at - length, at);
  });
}

export function readRecords(reader: ByteReader, count: number, read: ReadColumn): Record<string, unknown>[] {
  const width = reader.word();
  const names = read(reader, width) as string[];
  const columns = names.map(() => read(reader, count));
  const records = new Array<Record<string, unknown>>(count);
  for (let i = 0; i < count; i++) {
    const record: Record<string, unknown> = {};
    for (let place = 0; place < width; place++) {
      record[names[place] as string] = (columns[place] as unknown[])[i];
    }
    records[i] = record;
  }
  return records;
}

export function readMaps(reader: ByteReader, count: number, read: ReadColumn): Map<unknown, unknown>[] {
  const sizes = read(reader, count) as number[];
  const size = total(sizes);
  const keys = read(reader, size);
  const contents = read(reader, size);
  let at = 0;
  return sizes.map((entries) => {
    const map = new Map<unknown, unknown>();
    for (const end = at + entries; at < end; at++) map.set(keys[at], contents[at]);
    return map;
  });
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
