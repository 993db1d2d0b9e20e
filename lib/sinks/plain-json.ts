import { TidemarkError } from "../errors.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [field: string]: Json };
export type JsonObject = { readonly [field: string]: Json };

/** Cosmos DB and most JSON readers stop at this depth. */
const MAX_DEPTH = 128;

/**
 * Copies a value to plain JSON data, as JSON.stringify would see it, but strictly: what JSON would change or lose in
 * silence (NaN, Infinity, bigint, functions, symbols, Map, cycles) throws SINK_REFUSED and names the field.
 */
export function plainJson(value: unknown): Json {
  return copy(value, "", 0) as Json;
}

function copy(value: unknown, path: string, depth: number): Json | undefined {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw refused(path, `is ${value}, which JSON cannot carry`);
    case "undefined":
      return undefined;
    case "object":
      return value === null ? null : copyObject(value, path, depth);
    default:
      throw refused(path, `is a ${typeof value}, which JSON cannot carry`);
  }
}

function copyObject(value: object, path: string, depth: number): Json | undefined {
  if (depth >= MAX_DEPTH) throw refused(path, `is nested deeper than ${MAX_DEPTH} levels, or contains itself`);
  if ("toJSON" in value && typeof value.toJSON === "function") return copy(value.toJSON(), path, depth + 1);
  if (Array.isArray(value)) {
    return value.map((item, index) => copy(item, `${path}[${index}]`, depth + 1) ?? null);
  }
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value)) {
    throw refused(path, `is a ${value.constructor.name}, which JSON cannot carry`);
  }
  const result: Record<string, Json> = {};
  for (const field of Object.keys(value)) {
    if (field === "__proto__") throw refused(path, "has a field __proto__, which no reader would keep");
    const copied = copy((value as Record<string, unknown>)[field], path === "" ? field : `${path}.${field}`, depth + 1);
    if (copied !== undefined) result[field] = copied;
  }
  return result;
}

function refused(path: string, why: string): TidemarkError {
  return new TidemarkError("SINK_REFUSED", `${path === "" ? "The value" : `Field "${path}"`} ${why}.`);
}

/** About how many bytes the JSON text of plain data takes; exact for short ASCII, never far below. */
export function roughJsonBytes(value: unknown): number {
  if (typeof value === "string") return value.length + 2;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 2;
  for (const field in value) bytes += field.length + 4 + roughJsonBytes((value as Record<string, unknown>)[field]);
  return bytes;
}

/** The largest that the JSON text of plain data with this many rough bytes can be: every character may take six. */
export const JSON_ESCAPE_FACTOR = 6;
