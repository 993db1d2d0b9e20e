import { TidemarkError } from "../../errors.ts";
import { JSON_ESCAPE_FACTOR, type Json, type JsonObject, plainJson, roughJsonBytes } from "../plain-json.ts";
import { FENCE_FIELD } from "./fence.ts";

/** A document as Cosmos DB takes it; the fence comes when it is delivered. */
export type CosmosDocument = JsonObject & { readonly id: string };

export type PartitionKeyValue = string | number | boolean | null;

export interface DocumentRules<T> {
  /** Paths such as "/origin" or "/address/city", one to three of them. */
  readonly partitionKey: readonly string[];
  readonly id?: ((value: T) => string) | undefined;
  /** Seconds until Cosmos DB deletes the document; -1 never. */
  readonly ttl?: number | undefined;
}

const MAX_DOCUMENT_BYTES = 2 * 1024 * 1024;
/** What the fence may take: a long task name, two numbers, a nonce. */
const FENCE_BYTES = 512;
const MAX_BYTES = MAX_DOCUMENT_BYTES - FENCE_BYTES;
const MAX_ID_BYTES = 1023;
const MAX_KEY_BYTES = 2048;
const FORBIDDEN_IN_ID = /[/\\?#]/;

/** Makes a document of a value, as plain data; throws SINK_REFUSED when Cosmos DB would not take it. */
export function toDocument<T>(value: T, rules: DocumentRules<T>): CosmosDocument {
  const plain = plainJson(value);
  if (typeof plain !== "object" || plain === null || Array.isArray(plain)) {
    throw refuse(`A document must be an object, not ${plain === null ? "null" : typeof plain}.`);
  }
  const document = plain as Record<string, Json>;
  const id = rules.id === undefined ? document.id : rules.id(value);
  document.id = checkedId(id);
  if (rules.ttl !== undefined) document.ttl = rules.ttl;
  delete document[FENCE_FIELD];
  partitionKeyOf(document, rules.partitionKey).forEach((part, index) => {
    checkKeyPart(part, rules.partitionKey[index] as string);
  });
  checkSize(document);
  return document as CosmosDocument;
}

/** The values at the partition key's paths; undefined where there is none. */
export function partitionKeyOf(document: JsonObject, paths: readonly string[]): (PartitionKeyValue | undefined)[] {
  return paths.map((path) => {
    const name = path.slice(1);
    if (!name.includes("/")) return document[name] as PartitionKeyValue | undefined;
    let at: unknown = document;
    for (const field of name.split("/")) at = (at as Record<string, unknown> | null | undefined)?.[field];
    return at as PartitionKeyValue | undefined;
  });
}

function checkedId(id: unknown): string {
  if (typeof id !== "string" || id === "") {
    throw refuse(`A document's id must be a non-empty string, not ${id === "" ? "empty" : typeof id}.`, ID_FIX);
  }
  if (FORBIDDEN_IN_ID.test(id)) throw refuse(`The id "${id}" contains one of / \\ ? #.`, ID_FIX);
  if (id.length * 3 > MAX_ID_BYTES && Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw refuse(`The id "${id.slice(0, 40)}…" is longer than ${MAX_ID_BYTES} bytes.`, ID_FIX);
  }
  return id;
}

const ID_FIX = "Give the sink an option id: (value) => string.";

function checkKeyPart(part: unknown, path: string): void {
  if (part === undefined) throw refuse(`The document has no value at its partition key ${path}.`);
  if (typeof part === "object" && part !== null) throw refuse(`The partition key ${path} is not a plain value.`);
  if (typeof part === "string" && part.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(part) > MAX_KEY_BYTES) {
    throw refuse(`The partition key ${path} is longer than ${MAX_KEY_BYTES} bytes.`);
  }
}

function checkSize(document: JsonObject): void {
  if (roughJsonBytes(document) * JSON_ESCAPE_FACTOR <= MAX_BYTES) return;
  const bytes = Buffer.byteLength(JSON.stringify(document));
  if (bytes > MAX_BYTES) throw refuse(`The document takes ${bytes} bytes; Cosmos DB's limit leaves it ${MAX_BYTES}.`);
}

function refuse(what: string, fix?: string): TidemarkError {
  return new TidemarkError("SINK_REFUSED", what, { fix });
}
