import { isObject, type Json, type JsonObject } from "./json.ts";
import { badRequest } from "./refusal.ts";

/** The body of a patch request: at most ten operations, applied in order, and an optional condition. */
export interface PatchRequest {
  readonly operations: readonly PatchOperation[];
  /** "from c where …": the patch applies only when it holds. */
  readonly condition?: string | undefined;
}

export interface PatchOperation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: Json;
}

interface Place {
  readonly parent: JsonObject | Json[];
  readonly name: string;
}

const systemProperties = new Set(["_rid", "_self", "_etag", "_attachments", "_ts", "_lsn"]);
const mostOperations = 10;

/** Checks the shape of a patch body, which may be a bare array; throws 400. */
export function readPatch(body: unknown): PatchRequest {
  const operations: unknown = Array.isArray(body) ? body : isObject(body) ? body.operations : undefined;
  const condition = isObject(body) ? body.condition : undefined;
  if (!Array.isArray(operations) || operations.length === 0) {
    throw badRequest("A patch request needs a non-empty array of operations.");
  }
  if (operations.length > mostOperations) {
    throw badRequest(
      `The number of patch operations can't exceed ${mostOperations}, and there are ${operations.length}.`,
    );
  }
  if (condition !== undefined && typeof condition !== "string")
    throw badRequest("The patch condition must be a string.");
  for (const operation of operations) {
    if (!isObject(operation) || typeof operation.op !== "string" || typeof operation.path !== "string") {
      throw badRequest('Every patch operation needs "op" and "path".');
    }
  }
  return { operations: operations as PatchOperation[], condition };
}

/** Applies the operations to the document itself, so give it a copy; throws 400 and may leave it half changed. */
export function applyPatch(document: JsonObject, operations: readonly PatchOperation[]): void {
  for (const operation of operations) applyOperation(document, operation);
}

function applyOperation(document: JsonObject, operation: PatchOperation): void {
  const { op, path } = operation;
  const name = op.toLowerCase();
  const apply = Object.hasOwn(appliers, name) ? appliers[name] : undefined;
  if (apply === undefined) {
    throw badRequest(`The patch operation "${op}" is unknown: use add, set, replace, remove, incr or move.`);
  }
  apply(locate(document, path), operation, document);
}

type Applier = (place: Place, operation: PatchOperation, document: JsonObject) => void;

const appliers: Readonly<Record<string, Applier>> = {
  add: (place, operation) => insert(place, needed(operation), operation.path),
  set: (place, operation) => assign(place, needed(operation), operation.path),
  replace: (place, operation) => {
    if (read(place) === undefined) throw absent("replaced", operation.path);
    assign(place, needed(operation), operation.path);
  },
  remove: (place, operation) => {
    if (read(place) === undefined) throw absent("removed", operation.path);
    remove(place);
  },
  incr: (place, operation) => increment(place, operation.value, operation.path),
  increment: (place, operation) => increment(place, operation.value, operation.path),
  move: (_place, operation, document) => move(document, operation),
};

function needed(operation: PatchOperation): Json {
  if (operation.value === undefined) throw badRequest(`The patch operation "${operation.op}" needs a value.`);
  return operation.value;
}

function locate(document: JsonObject, path: string): Place {
  if (!path.startsWith("/") || path === "/") throw badRequest(`The patch path "${path}" is invalid.`);
  const names = path
    .slice(1)
    .split("/")
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const name = names.pop() ?? "";
  if (systemProperties.has(names[0] ?? name)) throw badRequest(`The patch path "${path}" is a system property.`);
  let parent: Json | undefined = document;
  for (const step of names) {
    parent = Array.isArray(parent) ? parent[indexOf(parent, step, path)] : isObject(parent) ? parent[step] : undefined;
  }
  if (typeof parent !== "object" || parent === null) {
    throw badRequest(`The patch operation can only create a child of an existing node: "${path}" has no parent.`);
  }
  return { parent, name };
}

function indexOf(array: readonly Json[], name: string, path: string): number {
  const index = name === "-" ? array.length : /^\d+$/.test(name) ? Number(name) : Number.NaN;
  if (!(index <= array.length)) throw badRequest(`The array index in the patch path "${path}" is out of bounds.`);
  return index;
}

function read({ parent, name }: Place): Json | undefined {
  if (Array.isArray(parent)) return /^\d+$/.test(name) ? parent[Number(name)] : undefined;
  return Object.hasOwn(parent, name) ? parent[name] : undefined;
}

function insert({ parent, name }: Place, value: Json, path: string): void {
  if (Array.isArray(parent)) parent.splice(indexOf(parent, name, path), 0, value);
  else setOwn(parent, name, value);
}

function assign({ parent, name }: Place, value: Json, path: string): void {
  if (Array.isArray(parent)) parent[indexOf(parent, name, path)] = value;
  else setOwn(parent, name, value);
}

// A plain assignment to "__proto__" would set the prototype instead of a property.
function setOwn(parent: JsonObject, name: string, value: Json): void {
  Object.defineProperty(parent, name, { value, writable: true, enumerable: true, configurable: true });
}

function remove({ parent, name }: Place): void {
  if (Array.isArray(parent)) parent.splice(Number(name), 1);
  else delete parent[name];
}

function increment(place: Place, value: Json | undefined, path: string): void {
  const current = read(place);
  if (typeof value !== "number") throw badRequest(`The increment of "${path}" must be a number.`);
  if (current !== undefined && typeof current !== "number") throw badRequest(`"${path}" is not a number to increment.`);
  assign(place, (current ?? 0) + value, path);
}

function move(document: JsonObject, { from, path }: PatchOperation): void {
  if (from === undefined) throw badRequest('The patch operation "move" needs "from".');
  if (path.startsWith(`${from}/`)) throw badRequest(`A move can't go from "${from}" into its own child "${path}".`);
  const source = locate(document, from);
  const value = read(source);
  if (value === undefined) throw absent("moved", from);
  remove(source);
  insert(locate(document, path), value, path);
}

function absent(done: string, path: string) {
  return badRequest(`The node to be ${done} is absent: there is nothing at "${path}".`);
}
