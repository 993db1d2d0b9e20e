import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Column } from "./column.ts";
import { KIND } from "./kinds.ts";

const WORD = 2 ** 32;

/** The numbers of the column in hand: read as they come, written as they are needed. */
let numbers = new Float64Array(4_096);

/**
 * All bits that whole numbers from zero up have; negative when there is anything else. Counts are nearly all there is,
 * and need neither a smallest nor a division.
 */
function bitsOf({ values, from, step, count }: Column): number {
  let bits = 0;
  for (let i = 0, at = from; i < count; i++, at += step) {
    const value = values[at];
    if (typeof value !== "number" || (value | 0) !== value) return -1;
    bits |= value;
  }
  return bits;
}

/** Writes a column of numbers, whole ones by their distance to the smallest; false when there is anything else. */
export function writeNumbers(writer: ByteWriter, column: Column): boolean {
  const { values, from, step, count } = column;
  const bits = bitsOf(column);
  if (bits >= 0 && bits < 2 ** 16) {
    writeCounts(writer, column, bits < 2 ** 8 ? 1 : 2);
    return true;
  }
  if (numbers.length < count) numbers = new Float64Array(count * 2);
  const found = numbers;
  for (let i = 0, at = from; i < count; i++, at += step) {
    const value = values[at];
    if (typeof value !== "number") return false;
    found[i] = value;
  }
  let smallest = Number.POSITIVE_INFINITY;
  let largest = Number.NEGATIVE_INFINITY;
  let whole = true;
  for (let i = 0; i < count; i++) {
    const value = found[i] as number;
    if (value < smallest) smallest = value;
    if (value > largest) largest = value;
    if (Math.floor(value) !== value) whole = false;
  }
  const exact = whole && Number.isSafeInteger(smallest) && Number.isSafeInteger(largest);
  if (exact && largest - smallest < WORD) writeIntegers(writer, found, count, smallest, largest - smallest);
  else writeDoubles(writer, found, count);
  return true;
}

function writeCounts(writer: ByteWriter, { values, from, step, count }: Column, width: 1 | 2): void {
  writer.byte(KIND.integers);
  writer.double(0);
  writer.byte(width);
  let at = writer.reserve(count * width);
  const { bytes, view } = writer;
  if (width === 1) for (let i = 0, next = from; i < count; i++, next += step) bytes[at++] = values[next] as number;
  else
    for (let i = 0, next = from; i < count; i++, next += step, at += 2)
      view.setUint16(at, values[next] as number, true);
  writer.length = at;
}

function writeIntegers(writer: ByteWriter, found: Float64Array, count: number, smallest: number, range: number): void {
  const width = range === 0 ? 0 : range < 2 ** 8 ? 1 : range < 2 ** 16 ? 2 : 4;
  writer.byte(KIND.integers);
  writer.double(smallest + 0);
  writer.byte(width);
  let at = writer.reserve(count * width);
  const { bytes, view } = writer;
  if (width === 1) {
    for (let i = 0; i < count; i++) bytes[at++] = (found[i] as number) - smallest;
  } else if (width === 2) {
    for (let i = 0; i < count; i++, at += 2) view.setUint16(at, (found[i] as number) - smallest, true);
  } else if (width === 4) {
    for (let i = 0; i < count; i++, at += 4) view.setUint32(at, (found[i] as number) - smallest, true);
  }
  writer.length = at;
}

function writeDoubles(writer: ByteWriter, found: Float64Array, count: number): void {
  writer.byte(KIND.doubles);
  let at = writer.reserve(count * 8);
  const { view } = writer;
  // Adding zero makes −0 a plain 0, as MessagePack does.
  for (let i = 0; i < count; i++, at += 8) view.setFloat64(at, (found[i] as number) + 0, true);
  writer.length = at;
}

export function readIntegers(reader: ByteReader, count: number): number[] {
  const smallest = reader.double();
  const width = reader.byte();
  let at = reader.skip(count * width);
  const { view } = reader;
  const values = new Array<number>(count);
  if (width === 0) values.fill(smallest);
  else if (width === 1) for (let i = 0; i < count; i++) values[i] = smallest + view.getUint8(at++);
  else if (width === 2) for (let i = 0; i < count; i++, at += 2) values[i] = smallest + view.getUint16(at, true);
  else for (let i = 0; i < count; i++, at += 4) values[i] = smallest + view.getUint32(at, true);
  return values;
}

export function readDoubles(reader: ByteReader, count: number): number[] {
  let at = reader.skip(count * 8);
  const { view } = reader;
  const values = new Array<number>(count);
  for (let i = 0; i < count; i++, at += 8) values[i] = view.getFloat64(at, true);
  return values;
}
