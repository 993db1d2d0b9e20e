import type { ColumnSource } from "hyparquet-writer";
import type { Json } from "../plain-json.ts";
import type { Encoder } from "./encoder.ts";
import type { ColumnType } from "./options.ts";
import { type Row, refuse } from "./rows.ts";

/** How a cell of a type is written: returns undefined for a value that does not fit. */
type ToCell = (value: Json) => unknown;

const INT32 = 2 ** 31;

const CELLS: Readonly<Record<ColumnType, ToCell>> = {
  string: (value) => (typeof value === "string" ? value : undefined),
  boolean: (value) => (typeof value === "boolean" ? value : undefined),
  int32: (value) => (Number.isInteger(value) && Number(value) >= -INT32 && Number(value) < INT32 ? value : undefined),
  int64: (value) => (Number.isSafeInteger(value) ? BigInt(value as number) : undefined),
  double: (value) => (typeof value === "number" ? value : undefined),
  timestamp: toTimestamp,
};

const PARQUET_TYPES = {
  string: "STRING",
  boolean: "BOOLEAN",
  int32: "INT32",
  int64: "INT64",
  double: "DOUBLE",
  timestamp: "TIMESTAMP",
} as const;

/** Parquet files with the given columns; the library that writes them is loaded with the first file. */
export function parquet(columns: Readonly<Record<string, ColumnType>>): Encoder {
  const declared = Object.entries(columns);
  const encode: Encoder["encode"] = async (rows, { _task, _generation, _batch }) => {
    const { parquetWriteBuffer } = await import("hyparquet-writer");
    const own = declared.map(([name, type]): ColumnSource => {
      return { name, type: PARQUET_TYPES[type], data: rows.map((row) => cellOf(row, name, type)) };
    });
    const fixed = (name: string, type: "STRING" | "INT32", value: string | number): ColumnSource => {
      return { name, type, nullable: false, data: rows.map(() => value) };
    };
    const columnData = [
      fixed("_task", "STRING", _task),
      fixed("_generation", "INT32", _generation),
      fixed("_batch", "INT32", _batch),
      ...own,
    ];
    return Buffer.from(parquetWriteBuffer({ columnData, codec: "SNAPPY", createdBy: "tidemark" }));
  };
  return {
    ending: "parquet",
    contentType: "application/vnd.apache.parquet",
    check: (row) => {
      for (const [name, type] of declared) cellOf(row, name, type);
      const unknown = Object.keys(row).find((name) => !Object.hasOwn(columns, name));
      if (unknown !== undefined)
        throw refuse(`The row has a field "${unknown}", for which there is no column.`, COLUMNS);
    },
    encode,
  };
}

const COLUMNS = "Declare it in the sink's columns, or leave it out by .map() before the sink.";

function cellOf(row: Row, name: string, type: ColumnType): unknown {
  const value = Object.hasOwn(row, name) ? (row[name] as Json) : null;
  if (value === null) return null;
  const cell = CELLS[type](value);
  if (cell === undefined) throw refuse(`Field "${name}" is ${shown(value)}, which is no ${type}.`);
  return cell;
}

/** A text must say its offset from UTC: without one it would mean another instant on another machine. */
function toTimestamp(value: Json): Date | undefined {
  if (typeof value === "string" && !/^\d{4}-\d\d-\d\d$|(?:Z|[+-]\d\d:?\d\d)$/i.test(value)) return undefined;
  const time = new Date(typeof value === "string" || typeof value === "number" ? value : Number.NaN);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

function shown(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
