import { TidemarkError } from "../errors.ts";
import type { TableSource } from "../sources/table-source.ts";
import { type Duration, milliseconds } from "./duration.ts";
import type { Schema } from "./schema.ts";

/** Reference data: rows by key, read from a blob or a container and read again when it is older than `refresh`. */
export interface Table<Row> {
  readonly name: string;
  readonly schema: Schema<Row>;
  readonly key: (row: Row) => string;
  readonly from: TableSource;
  /** Milliseconds after which a task looks whether the table has changed. */
  readonly refresh: number;
}

export interface TableOptions<Row> {
  readonly key: (row: Row) => string;
  readonly from: TableSource;
  /** How old the rows may get before a task looks for a newer version; default "5m". */
  readonly refresh?: Duration;
}

/**
 * Declares reference data for `joinTable`; throws PLAN_INVALID for an empty name or a bad duration.
 * @example
 * const airports = table("airports", z.object({ iata: z.string(), state: z.string() }), {
 *   key: (airport) => airport.iata,
 *   from: blobTable({ container: "tables", blob: "airports.json" }),
 * });
 */
export function table<Row>(name: string, schema: Schema<Row>, options: TableOptions<Row>): Table<Row> {
  if (name === "") throw new TidemarkError("PLAN_INVALID", "A table needs a name.");
  const refresh = milliseconds(options.refresh ?? "5m", `refresh of table "${name}"`);
  return { name, schema, key: options.key, from: options.from, refresh };
}
