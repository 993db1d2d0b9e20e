import { queryCharge } from "./charge.ts";
import type { Container } from "./container.ts";
import type { Scope } from "./documents.ts";
import { parseBody } from "./item-routes.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { canonicalKey, parseKey, prefixRange } from "./partition-key.ts";
import { prepareQuery } from "./query/cache.ts";
import { queryPage } from "./query/pages.ts";
import { runRows } from "./query/run.ts";
import { badRequest } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

const defaultPageSize = 1000;

/** Answers a query over a container's items, across partition keys unless the request names one. */
export function answerQuery(container: Container, request: CosmosRequest): CosmosReply {
  const { query, parameters } = readQuery(request);
  return runQuery(container, query, parameters, request);
}

/** Answers `GET …/docs`: every item, page by page. */
export function readFeed(container: Container, request: CosmosRequest): CosmosReply {
  return runQuery(container, "SELECT * FROM c", new Map(), request);
}

function runQuery(
  container: Container,
  query: string,
  parameters: ReadonlyMap<string, Json>,
  request: CosmosRequest,
): CosmosReply {
  const continuation = request.header("x-ms-continuation");
  const { texts, documents, ...page } = queryPage(container, {
    prepared: prepareQuery(query),
    parameters,
    restriction: restrictionOf(container, request),
    most: pageSize(request),
    continuation: typeof continuation === "string" && continuation !== "" ? continuation : undefined,
  });
  const body = `{"_rid":"${container.rid}","Documents":[${texts.join(",")}],"_count":${texts.length}}`;
  const charge = queryCharge(documents, body.length);
  container.throughput?.consume(charge);
  const { continuation: next } = page;
  return { status: 200, body, charge, lsn: container.lsn, continuation: next, itemCount: texts.length, operations: 1 };
}

/**
 * Answers the SDK's question how to run a query: as one that needs nothing from the client, because the server does
 * the sorting, grouping and aggregating across partition keys itself.
 */
export function queryPlan(request: CosmosRequest): CosmosReply {
  prepareQuery(readQuery(request).query);
  return { status: 200, body: plan, charge: 1 };
}

const plan = JSON.stringify({
  partitionedQueryExecutionInfoVersion: 2,
  queryInfo: {
    distinctType: "None",
    top: null,
    offset: null,
    limit: null,
    orderBy: [],
    orderByExpressions: [],
    groupByExpressions: [],
    groupByAliases: [],
    aggregates: [],
    groupByAliasToAggregateType: {},
    rewrittenQuery: "",
    hasSelectValue: false,
    hasNonStreamingOrderBy: false,
  },
  queryRanges: [{ min: "", max: "FF", isMinInclusive: true, isMaxInclusive: false }],
});

/** Applies a request's query, when it has one, to databases, containers or offers. */
export function filterResources(all: readonly JsonObject[], request: CosmosRequest): readonly Json[] {
  if (request.method !== "POST") return all;
  const { query, parameters } = readQuery(request);
  const { compiled } = prepareQuery(query);
  const frame = { slots: [] as (Json | undefined)[], parameters, aggregates: [], now: 0 };
  function* rows(): Generator<void> {
    for (const resource of all) {
      frame.slots[0] = resource;
      yield;
    }
  }
  return runRows(compiled, frame, rows(), compiled.project, Number.POSITIVE_INFINITY);
}

/** The items a request is restricted to by its partition key, which may be the beginning of a hierarchical one. */
export function restrictionOf(container: Container, request: CosmosRequest): Scope {
  const header = request.header("x-ms-documentdb-partitionkey");
  if (header === undefined || header === "[]") return {};
  const { key, components } = parseKey(header);
  const wanted = container.keyPaths.length;
  if (components >= wanted) return { key: canonicalKey(header, wanted) };
  return { keyRange: prefixRange(key) };
}

/** How many results a page may hold. */
export function pageSize(request: CosmosRequest): number {
  const size = Number(request.header("x-ms-max-item-count") ?? defaultPageSize);
  return Number.isInteger(size) && size > 0 ? size : defaultPageSize;
}

function readQuery(request: CosmosRequest): { readonly query: string; readonly parameters: ReadonlyMap<string, Json> } {
  const body = parseBody(request.body);
  if (!isObject(body) || typeof body.query !== "string") throw badRequest('The request body needs a "query".');
  const parameters = new Map<string, Json>();
  for (const parameter of Array.isArray(body.parameters) ? body.parameters : []) {
    if (!isObject(parameter) || typeof parameter.name !== "string") throw badRequest("Every parameter needs a name.");
    if (parameter.value !== undefined) parameters.set(parameter.name, parameter.value);
  }
  return { query: body.query, parameters };
}
