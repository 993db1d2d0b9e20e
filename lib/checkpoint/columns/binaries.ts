import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { type Column, columnOf, roomFor } from "./column.ts";
import { KIND } from "./kinds.ts";
import { readIntegers, writeNumbers } from "./numbers.ts";

/** Writes a column of byte arrays; false when there is anything else. */
export function writeBinaries(writer: ByteWriter, { values, from, step, count }: Column): boolean {
  const lengths = roomFor(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    const value = values[from + i * step];
    if (!(value instanceof Uint8Array)) return false;
    lengths[i] = value.length;
    total += value.length;
  }
  writer.byte(KIND.binaries);
  writeNumbers(writer, columnOf(lengths));
  let at = writer.reserve(total);
  for (let i = 0; i < count; i++) {
    writer.bytes.set(values[from + i * step] as Uint8Array, at);
    at += lengths[i] as number;
  }
  writer.length = at;
  return true;
}

/** Views of one copy: bytes that outlive the others of their column keep them in memory. */
export function readBinaries(reader: ByteReader, count: number): Buffer[] {
  reader.skip(1);
  const lengths = readIntegers(reader, count);
  const from = reader.skip(lengths.reduce((sum, length) => sum + length, 0));
  const all = Buffer.from(reader.bytes.subarray(from, reader.at));
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return all.subarray(at - length, at);
  });
}
