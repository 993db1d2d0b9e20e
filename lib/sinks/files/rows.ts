import { TidemarkError } from "../../errors.ts";
import { JSON_ESCAPE_FACTOR, type JsonObject, plainJson, roughJsonBytes } from "../plain-json.ts";
import { LIMITS } from "./limits.ts";
import { ROW_FIELDS } from "./options.ts";

/** A row as it waits and travels: plain data, whatever the format. */
export type Row = JsonObject;

/** Makes a row of a value; throws SINK_REFUSED for what no file could hold. */
export function toRow(value: unknown): { readonly row: Row; readonly bytes: number } {
  const plain = plainJson(value);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    throw refuse(
      `A row must be an object, not ${plain === null ? "null" : Array.isArray(plain) ? "a list" : typeof plain}.`,
    );
  }
  const row = plain as Row;
  const taken = ROW_FIELDS.find((field) => field in row);
  if (taken !== undefined) throw refuse(`The row has a field "${taken}", which every file has already.`);
  return { row, bytes: sizeOf(row) };
}

/** About how many bytes a row takes as JSON; exact when it may be too large. */
function sizeOf(row: Row): number {
  const rough = roughJsonBytes(row);
  if (rough * JSON_ESCAPE_FACTOR <= LIMITS.rowBytes) return rough;
  const bytes = Buffer.byteLength(JSON.stringify(row));
  if (bytes <= LIMITS.rowBytes) return bytes;
  throw refuse(`The row takes ${bytes} bytes; the limit of a files sink (rowBytes) is ${LIMITS.rowBytes}.`);
}

export function refuse(what: string, fix?: string): TidemarkError {
  return new TidemarkError("SINK_REFUSED", what, { fix });
}
