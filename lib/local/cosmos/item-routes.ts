import type { Account } from "./account.ts";
import { atomicBatch, bulk } from "./batch.ts";
import { changeFeed } from "./change-feed.ts";
import type { Container } from "./container.ts";
import { createItem, deleteItem, type Outcome, patchItem, readItem, replaceItem, upsertItem } from "./items.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { canonicalKey } from "./partition-key.ts";
import { readPatch } from "./patch.ts";
import { answerQuery, queryPlan, readFeed } from "./query-routes.ts";
import { badRequest, Refusal, tooLarge, unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

const largestBody = 2 * 1024 * 1024;

/** Answers a request to `…/docs`: create, upsert, batch, bulk, query, read feed, change feed. */
export function toItems(account: Account, container: Container, request: CosmosRequest): CosmosReply {
  const { method } = request;
  if (method === "GET")
    return request.header("a-im") === undefined ? readFeed(container, request) : changeFeed(container, request);
  if (method !== "POST") throw new Refusal(405, `${method} is not allowed on a container's items.`);
  if (request.header("x-ms-cosmos-is-query-plan-request") !== undefined) return queryPlan(request);
  if (
    request.header("x-ms-documentdb-isquery") !== undefined ||
    request.header("content-type") === "application/query+json"
  ) {
    return answerQuery(container, request);
  }
  refuseTriggers(request);
  account.begin();
  if (request.header("x-ms-cosmos-is-batch-request") !== undefined) return answerBatch(account, container, request);
  const document = parseDocument(request.body);
  const key = request.header("x-ms-documentdb-partitionkey");
  const outcome = isTrue(request.header("x-ms-documentdb-is-upsert"))
    ? upsertItem(container, document, key, preconditions(request), request.body)
    : createItem(container, document, key, request.body);
  return reply(container, outcome);
}

/** Answers a request to `…/docs/{id}`: read, replace, patch, delete. */
export function toItem(account: Account, container: Container, id: string, request: CosmosRequest): CosmosReply {
  const when = preconditions(request);
  if (request.method === "GET") return reply(container, readItem(container, id, requiredKey(container, request), when));
  refuseTriggers(request);
  account.begin();
  switch (request.method) {
    case "PUT": {
      const document = parseDocument(request.body);
      const key = request.header("x-ms-documentdb-partitionkey");
      return reply(container, replaceItem(container, id, document, key, when, request.body));
    }
    case "PATCH": {
      const patch = readPatch(parseBody(request.body));
      return reply(container, patchItem(container, id, requiredKey(container, request), patch, when));
    }
    case "DELETE":
      return reply(container, deleteItem(container, id, requiredKey(container, request), when));
    default:
      throw new Refusal(405, `${request.method} is not allowed on an item.`);
  }
}

function answerBatch(account: Account, container: Container, request: CosmosRequest): CosmosReply {
  if (request.bodyBytes > largestBody) throw tooLarge();
  const body = parseBody(request.body);
  const brief = request.header("prefer") === "return=minimal";
  const atomic = isTrue(request.header("x-ms-cosmos-batch-atomic"));
  const answer = atomic
    ? atomicBatch(account, container, body, requiredKey(container, request), brief)
    : bulk(container, body, brief, !isFalse(request.header("x-ms-cosmos-batch-continue-on-error")), () =>
        container.throughput?.admit(container.now()),
      );
  // A bulk request has paid operation by operation.
  if (atomic) container.throughput?.consume(answer.charge);
  return { ...answer, lsn: container.lsn };
}

function reply(container: Container, outcome: Outcome): CosmosReply {
  container.throughput?.consume(outcome.charge);
  return { ...outcome, lsn: container.lsn, operations: 1 };
}

/** Reads the partition key header. Throws 400 for a wrong number of components, or when it is missing. */
export function requiredKey(container: Container, request: CosmosRequest): string {
  const header = request.header("x-ms-documentdb-partitionkey");
  if (header === undefined) throw badRequest("The partition key header must be supplied for this operation.", 1001);
  return canonicalKey(header, container.keyPaths.length);
}

function preconditions(request: CosmosRequest) {
  return { ifMatch: request.header("if-match"), ifNoneMatch: request.header("if-none-match") };
}

/** Parses a body as JSON. Throws 400. */
export function parseBody(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw badRequest("The request body is not valid JSON.");
  }
}

function parseDocument(text: string): JsonObject {
  if (text.length > 2 * largestBody) throw tooLarge();
  const document = parseBody(text);
  if (!isObject(document)) throw badRequest("The item must be a JSON object.");
  return document;
}

function refuseTriggers(request: CosmosRequest): void {
  const triggers =
    request.header("x-ms-documentdb-pre-trigger-include") ?? request.header("x-ms-documentdb-post-trigger-include");
  if (triggers !== undefined) throw unsupported(`The trigger "${triggers}"`);
}

// The SDK's headers are strings such as "true", "True" or "false".
const isTrue = (header: string | undefined) => header?.toLowerCase() === "true";
const isFalse = (header: string | undefined) => header?.toLowerCase() === "false";
