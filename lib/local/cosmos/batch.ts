import type { Account } from "./account.ts";
import type { Container } from "./container.ts";
import { createItem, deleteItem, type Outcome, patchItem, readItem, replaceItem, upsertItem } from "./items.ts";
import { isObject, type JsonObject } from "./json.ts";
import { canonicalKey, parseKey } from "./partition-key.ts";
import { readPatch } from "./patch.ts";
import { badRequest, Refusal } from "./refusal.ts";

/** The answer to a batch or bulk request: 200 when every operation succeeded, 207 otherwise. */
export interface BatchAnswer {
  readonly status: number;
  /** A JSON array with one result per operation, in their order. */
  readonly body: string;
  readonly charge: number;
  readonly operations: number;
}

interface Operation {
  readonly operationType: string;
  readonly id: string | undefined;
  readonly resourceBody: unknown;
  readonly partitionKey: string | undefined;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

const mostOperations = 100;

/** Carries out operations of one partition key together: if one is refused, none happened and the others get 424. */
export function atomicBatch(
  account: Account,
  container: Container,
  body: unknown,
  key: string,
  brief: boolean,
): BatchAnswer {
  const operations = readOperations(body);
  const outcomes: Outcome[] = [];
  container.reserveForBatch(operations.length);
  try {
    account.atomically(() => {
      for (const operation of operations) outcomes.push(perform(container, operation, key));
    });
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const failed = outcomes.length;
    const results = operations.map((_, index) => (index === failed ? refusalText(refusal) : dependencyText));
    return { status: 207, body: `[${results.join(",")}]`, charge: chargeOf(outcomes), operations: operations.length };
  }
  const results = outcomes.map((outcome) => outcomeText(outcome, brief));
  return { status: 200, body: `[${results.join(",")}]`, charge: chargeOf(outcomes), operations: operations.length };
}

/** Carries out operations of any partition keys one by one, each on its own. */
export function bulk(
  container: Container,
  body: unknown,
  brief: boolean,
  continueOnError: boolean,
  admit: () => void,
): BatchAnswer {
  const operations = readOperations(body);
  const results: string[] = [];
  let charge = 0;
  let refused = 0;
  for (const operation of operations) {
    if (refused > 0 && !continueOnError) {
      results.push(dependencyText);
      continue;
    }
    try {
      admit();
      const outcome = perform(container, operation, undefined);
      container.throughput?.consume(outcome.charge);
      charge += outcome.charge;
      results.push(outcomeText(outcome, brief));
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal;
      refused += 1;
      results.push(refusalText(refusal));
    }
  }
  const status = refused === 0 ? 200 : 207;
  return { status, body: `[${results.join(",")}]`, charge: round(charge), operations: operations.length };
}

function readOperations(body: unknown): Operation[] {
  if (!Array.isArray(body) || body.length === 0) throw badRequest("A batch must be a non-empty array of operations.");
  if (body.length > mostOperations) {
    throw badRequest(
      `Batch request has more operations than what is supported: ${body.length}, and at most ${mostOperations} are.`,
    );
  }
  return body as Operation[];
}

function perform(container: Container, operation: Operation, batchKey: string | undefined): Outcome {
  const { operationType, id, resourceBody } = operation;
  const key = keyText(operation, batchKey);
  const ownKey = () => canonicalKey(needed(key), container.keyPaths.length);
  switch (operationType) {
    case "Create":
      return createItem(container, documentOf(resourceBody), key);
    case "Upsert":
      return upsertItem(container, documentOf(resourceBody), key, operation);
    case "Replace":
      return replaceItem(container, idOf(id), documentOf(resourceBody), key, operation);
    case "Read":
      return readItem(container, idOf(id), ownKey(), operation);
    case "Delete":
      return deleteItem(container, idOf(id), ownKey(), operation);
    case "Patch":
      return patchItem(container, idOf(id), ownKey(), readPatch(resourceBody), operation);
    default:
      throw badRequest(`The operation type ${JSON.stringify(operationType)} is unknown.`);
  }
}

/** The key as the operation or the batch wrote it. */
function keyText({ partitionKey }: Operation, batchKey: string | undefined): string | undefined {
  if (typeof partitionKey !== "string" || partitionKey === batchKey) return batchKey;
  if (batchKey !== undefined && parseKey(partitionKey).key !== batchKey) {
    throw badRequest("A batch has one partition key for all operations.", 1001);
  }
  return partitionKey;
}

function documentOf(value: unknown): JsonObject {
  if (!isObject(value)) throw badRequest('The operation needs a "resourceBody".');
  return value;
}

function idOf(id: unknown): string {
  if (typeof id !== "string") throw badRequest('The operation needs an "id".');
  return id;
}

function needed(key: string | undefined): string {
  if (key === undefined) throw badRequest("The operation needs a partition key.", 1001);
  return key;
}

function outcomeText({ status, body, etag, charge }: Outcome, brief: boolean): string {
  const tag = etag === undefined ? "" : `,"eTag":"\\"${etag.slice(1, -1)}\\""`;
  const resource = body === undefined || brief ? "" : `,"resourceBody":${body}`;
  return `{"statusCode":${status},"requestCharge":${charge}${tag}${resource}}`;
}

function refusalText({ status, subStatus, message, retryAfterMs }: Refusal): string {
  return JSON.stringify({
    statusCode: status,
    subStatusCode: subStatus,
    requestCharge: 1.24,
    retryAfterMilliseconds: retryAfterMs,
    message,
  });
}

const dependencyText = '{"statusCode":424,"requestCharge":0}';

const round = (units: number) => Math.round(units * 100) / 100;

function chargeOf(outcomes: readonly Outcome[]): number {
  let charge = 0;
  for (const outcome of outcomes) charge += outcome.charge;
  return round(charge);
}
