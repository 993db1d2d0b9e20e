import type { Json } from "../../sinks/plain-json.ts";

/** A row as a reader finds it, with the fields that the sink added apart. */
export interface FoundRow {
  readonly task: string;
  readonly generation: number;
  readonly batch: number;
  /** As `rowText` writes it. */
  readonly text: string;
  readonly row: Cells;
}

/** A row's own fields: instants as milliseconds, and none that is null. */
export type Cells = Readonly<Record<string, unknown>>;

const INSTANT = /^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:?\d\d))?$/i;

/** A row in the form that both formats can be compared in. */
export function cellsOf(row: Readonly<Record<string, unknown>>): Cells {
  const cells: Record<string, unknown> = {};
  for (const name of Object.keys(row).sort()) {
    const cell = cellOf(row[name]);
    if (cell !== null && cell !== undefined) cells[name] = cell;
  }
  return cells;
}

function cellOf(value: unknown): Json | undefined {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Date) return value.getTime();
  if (typeof value === "string" && INSTANT.test(value)) return Date.parse(value);
  return value as Json;
}

export function rowText(row: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(cellsOf(row));
}

/** The rows of a file in their order, NDJSON or Parquet as its name says. */
export async function readRows(path: string, content: Buffer): Promise<readonly FoundRow[]> {
  const rows = path.endsWith(".parquet") ? await readParquet(content) : readLines(content);
  return rows.map(({ _task, _generation, _batch, ...own }) => {
    const row = cellsOf(own);
    return {
      task: String(_task),
      generation: Number(_generation),
      batch: Number(_batch),
      row,
      text: JSON.stringify(row),
    };
  });
}

function readLines(content: Buffer): Record<string, unknown>[] {
  const lines = content.toString().trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function readParquet(content: Buffer): Promise<Record<string, unknown>[]> {
  const { parquetReadObjects } = await import("hyparquet");
  const { buffer, byteOffset, byteLength } = content;
  return parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer });
}
