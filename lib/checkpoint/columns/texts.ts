import type { ByteReader } from "./byte-reader.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { Column } from "./column.ts";
import { KIND } from "./kinds.ts";

const NARROW = 1;
const WIDE = 4;

/** Writes a column of strings as one string; false when there is anything else, or half a character at the seams. */
export function writeTexts(writer: ByteWriter, { values, from, step, count }: Column): boolean {
  const head = writer.reserve(2 + count * WIDE);
  const { bytes, view } = writer;
  let at = head + 2;
  let text = "";
  let widths = 0;
  for (let i = 0, next = from; i < count; i++, next += step) {
    const value = values[next];
    if (typeof value !== "string") return false;
    widths |= value.length;
    bytes[at++] = value.length;
  }
  for (let i = 0, next = from; i < count; i++, next += step) text += values[next] as string;
  // UTF-8 has no halves of surrogate pairs.
  if (!text.isWellFormed()) return false;
  const width = widths < 2 ** 8 ? NARROW : WIDE;
  if (width === WIDE) {
    at = head + 2;
    for (let i = 0; i < count; i++, at += WIDE) view.setUint32(at, (values[from + i * step] as string).length, true);
  }
  bytes[head] = KIND.texts;
  bytes[head + 1] = width;
  writer.length = at;
  at = writer.reserve(4 + text.length * 3);
  const length = writer.bytes.write(text, at + 4, "utf8");
  writer.view.setUint32(at, length, true);
  writer.length = at + 4 + length;
  return true;
}

/** Slices of one string: a text that outlives the others of its column keeps their bytes in memory. */
export function readTexts(reader: ByteReader, count: number): string[] {
  const width = reader.byte();
  let at = reader.skip(count * width);
  const block = reader.block();
  const text = block.toString("utf8");
  const { view } = reader;
  const values = new Array<string>(count);
  let from = 0;
  for (let i = 0; i < count; i++, at += width) {
    const to = from + (width === NARROW ? view.getUint8(at) : view.getUint32(at, true));
    values[i] = text.slice(from, to);
    from = to;
  }
  return values;
}
