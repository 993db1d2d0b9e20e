import { isObject, type Json, type JsonObject, valueAt } from "./json.ts";
import { badRequest } from "./refusal.ts";

/** Splits "/a/b" into its names; a segment may be quoted as in "/\"a/b\"". */
export function parsePath(path: string): readonly string[] {
  if (!path.startsWith("/")) throw badRequest(`The path "${path}" must begin with a slash.`);
  const segments = path.match(/"(?:[^"\\]|\\.)*"|[^/"]+/g) ?? [];
  return segments.map((segment) => (segment.startsWith('"') ? String(JSON.parse(segment)) : segment));
}

/** The text a document's partition key is stored under: a JSON array where {} stands for "no value". */
export function keyOfDocument(document: JsonObject, paths: readonly (readonly string[])[]): string {
  const first = paths[0];
  if (paths.length === 1 && first !== undefined) return `[${keyPart(valueAt(document, first))}]`;
  return `[${paths.map((path) => keyPart(valueAt(document, path))).join(",")}]`;
}

/** The same text for a key given by value, as in a query's filter. */
export function keyOfValues(values: readonly (Json | undefined)[]): string {
  return `[${values.map(keyPart).join(",")}]`;
}

/** Reads the partition key header (or a bulk operation's key): its canonical text and number of components. */
export function parseKey(text: string): { readonly key: string; readonly components: number } {
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch {
    throw badRequest(`Partition key ${text} is invalid.`, 1001);
  }
  if (!Array.isArray(values)) throw badRequest(`Partition key ${text} is invalid.`, 1001);
  return { key: keyOfValues(values), components: values.length };
}

/** The canonical text of a key with this many components. Throws 400 for another number. */
export function canonicalKey(text: string, wanted: number): string {
  const { key, components } = parseKey(text);
  if (components !== wanted) throw badRequest(wrongComponents, 1001);
  return key;
}

const wrongComponents =
  "Partition key provided either doesn't correspond to definition in the collection or doesn't match partition key field values specified in the document.";

/** The lower and upper text between which every key lies that begins with the given components. */
export function prefixRange(key: string): readonly [string, string] {
  const open = key.slice(0, -1);
  return [open === "[" ? "[" : `${open},`, open === "[" ? "\\" : `${open}-`];
}

function keyPart(value: Json | undefined): string {
  if (value === undefined || Array.isArray(value) || isObject(value)) return "{}";
  return JSON.stringify(value);
}
