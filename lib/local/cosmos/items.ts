import { readCharge, replaceCharge, writeCharge } from "./charge.ts";
import type { Container } from "./container.ts";
import type { Row } from "./documents.ts";
import { isObject, type JsonObject } from "./json.ts";
import { canonicalKey, keyOfDocument } from "./partition-key.ts";
import { applyPatch, type PatchRequest } from "./patch.ts";
import { conditionHolds } from "./query/condition.ts";
import { badRequest, conflict, notFound, preconditionFailed, tooLarge } from "./refusal.ts";

/** What came of an operation on an item: the service's status, the document as it is now, and what it cost. */
export interface Outcome {
  readonly status: number;
  readonly body: string | undefined;
  readonly etag: string | undefined;
  readonly charge: number;
}

/** The preconditions a request carries: entity tags with their quotes, or "*". */
export interface Preconditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

const largestDocument = 2 * 1024 * 1024;
const keyMismatch = "PartitionKey extracted from document doesn't match the one specified in the header.";

/**
 * Creates an item; `key` is the partition key as the request wrote it, `text` the item's JSON if the caller has it at
 * hand. Throws 400, 409 or 413.
 */
export function createItem(container: Container, document: JsonObject, key?: string, text?: string): Outcome {
  const ownKey = checkDocument(container, document, key);
  return insert(container, ownKey, document, text);
}

/** Creates an item or overwrites it; the preconditions count only when it exists. */
export function upsertItem(
  container: Container,
  document: JsonObject,
  key: string | undefined,
  when: Preconditions,
  text?: string,
): Outcome {
  const ownKey = checkDocument(container, document, key);
  const row = container.documents.find(ownKey, document.id as string);
  if (row === undefined) return insert(container, ownKey, document, text);
  heedPreconditions(container, row, when, document);
  return overwrite(container, row, ownKey, document, text);
}

/** Overwrites an existing item. Throws 400, 404, 412 or 413. */
export function replaceItem(
  container: Container,
  id: string,
  document: JsonObject,
  key: string | undefined,
  when: Preconditions,
  text?: string,
): Outcome {
  const ownKey = checkDocument(container, document, key);
  if (document.id !== id) throw badRequest(`The id "${String(document.id)}" can't replace the item "${id}".`);
  const row = existing(container, ownKey, id);
  heedPreconditions(container, row, when, document);
  return overwrite(container, row, ownKey, document, text);
}

/** Reads an item; 304 without a body when its entity tag is the one in If-None-Match. */
export function readItem(container: Container, id: string, key: string, when: Preconditions): Outcome {
  const row = existing(container, key, id);
  const etag = etagOf(row);
  const charge = readCharge(row.body.length);
  if (when.ifNoneMatch === etag) return { status: 304, body: undefined, etag, charge };
  return { status: 200, body: row.body, etag, charge };
}

/** Deletes an item. Throws 404 or 412. */
export function deleteItem(container: Container, id: string, key: string, when: Preconditions): Outcome {
  const row = existing(container, key, id);
  checkPreconditions(row, when);
  container.documents.delete(row.seq);
  container.nextLsn();
  return { status: 204, body: undefined, etag: undefined, charge: writeCharge(row.body.length) };
}

/** Changes parts of an item if its condition, when there is one, holds. Throws 400, 404, 412 or 413. */
export function patchItem(
  container: Container,
  id: string,
  key: string,
  patch: PatchRequest,
  when: Preconditions,
): Outcome {
  const row = existing(container, key, id);
  checkPreconditions(row, when);
  const document = JSON.parse(row.body) as JsonObject;
  if (patch.condition !== undefined && !conditionHolds(patch.condition, document, container.now()))
    throw preconditionFailed();
  applyPatch(document, patch.operations);
  if (document.id !== id || keyOfDocument(document, container.keyPaths) !== key) {
    throw badRequest("A patch can't change the id or the partition key of an item.");
  }
  checkDocument(container, document, key);
  return overwrite(container, row, key, document, undefined);
}

function checkDocument(container: Container, document: JsonObject, key: string | undefined): string {
  if (!isObject(document)) throw badRequest("The item must be a JSON object.");
  const { id, ttl } = document;
  if (typeof id !== "string" || id === "" || id.length > 1023 || /[/\\?#]/.test(id)) {
    throw badRequest('The input is invalid: "id" must be a string of 1 to 1,023 characters without / \\ ? or #.');
  }
  if (ttl !== undefined && ttl !== null && (!Number.isInteger(ttl) || Number(ttl) < -1 || ttl === 0)) {
    throw badRequest(`The input ttl ${JSON.stringify(ttl)} is invalid: it must be −1 or a positive integer.`);
  }
  const ownKey = keyOfDocument(document, container.keyPaths);
  // Nearly always the texts are the same; else the same key may still be written differently ("\u00fc" for "ü").
  if (key !== undefined && key !== ownKey && canonicalKey(key, container.keyPaths.length) !== ownKey) {
    throw badRequest(keyMismatch, 1001);
  }
  return ownKey;
}

function existing(container: Container, key: string, id: string): Row {
  const row = container.documents.find(key, id);
  if (row === undefined) throw notFound();
  return row;
}

/** Checks the preconditions of a document that is to be written over another. */
function heedPreconditions(container: Container, row: Row, when: Preconditions, document: JsonObject): void {
  try {
    checkPreconditions(row, when);
  } catch (refusal) {
    container.onRefusal?.(() => row.body, document);
    throw refusal;
  }
}

function checkPreconditions(row: Row, { ifMatch, ifNoneMatch }: Preconditions): void {
  if (ifMatch === undefined && ifNoneMatch === undefined) return;
  const etag = etagOf(row);
  if (ifMatch !== undefined && ifMatch !== "*" && ifMatch !== etag) throw preconditionFailed();
  if (ifNoneMatch !== undefined && (ifNoneMatch === "*" || ifNoneMatch === etag)) throw preconditionFailed();
}

function insert(container: Container, key: string, document: JsonObject, text: string | undefined): Outcome {
  const seq = container.nextSeq();
  const written = render(container, document, text, seq);
  const id = document.id as string;
  const inserted = container.documents.insert({ ...written, key, id, seq });
  if (!inserted) {
    container.onRefusal?.(() => (container.documents.find(key, id) as Row).body, document);
    throw conflict();
  }
  container.onWrite?.(undefined, written.body);
  return {
    status: 201,
    body: written.body,
    etag: container.etag(written.lsn),
    charge: writeCharge(written.body.length),
  };
}

function overwrite(
  container: Container,
  row: Row,
  key: string,
  document: JsonObject,
  text: string | undefined,
): Outcome {
  const written = render(container, document, text, row.seq);
  container.documents.update({ ...written, key, id: document.id as string, seq: row.seq });
  container.onWrite?.(row.body, written.body);
  const charge = replaceCharge(written.body.length);
  return { status: 200, body: written.body, etag: container.etag(written.lsn), charge };
}

/** The stored text: the user's properties as they came, then the service's own, always in this order. */
function render(container: Container, document: JsonObject, text: string | undefined, seq: number) {
  const content = text !== undefined && !hasSystemProperties(document) ? text.trimEnd() : textWithoutSystem(document);
  if (content.length > largestDocument || Buffer.byteLength(content) > largestDocument) throw tooLarge();
  const lsn = container.nextLsn();
  const ts = Math.floor(container.now() / 1000);
  const rid = container.documentRid(seq);
  const etag = container.etag(lsn).slice(1, -1);
  const body = `${content.slice(0, -1)},"_rid":"${rid}","_self":"${container.self}docs/${rid}/","_etag":"\\"${etag}\\"","_attachments":"attachments/","_ts":${ts}}`;
  return { lsn, ts, ttl: typeof document.ttl === "number" ? document.ttl : null, body };
}

function hasSystemProperties(document: JsonObject): boolean {
  return (
    document._rid !== undefined ||
    document._etag !== undefined ||
    document._self !== undefined ||
    document._ts !== undefined ||
    document._attachments !== undefined ||
    document._lsn !== undefined
  );
}

function textWithoutSystem(document: JsonObject): string {
  if (!hasSystemProperties(document)) return JSON.stringify(document);
  const { _rid, _self, _etag, _attachments, _ts, _lsn, ...own } = document;
  return JSON.stringify(own);
}

// The entity tag stands at a fixed distance from the end, because `render` puts the service's properties there.
function etagOf(row: Row): string {
  const start = row.body.lastIndexOf('"_etag":"\\"') + 11;
  return `"${row.body.slice(start, row.body.indexOf("\\", start))}"`;
}
