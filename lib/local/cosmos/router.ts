import type { Account, Database } from "./account.ts";
import type { Container } from "./container.ts";
import { parseBody, requiredKey, toItem, toItems } from "./item-routes.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";
import { answerOffers, recordOffer } from "./offers.ts";
import { filterResources } from "./query-routes.ts";
import { badRequest, notFound, Refusal, rangeGone, unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

/** Finds what a request is about and answers it; throws a Refusal, or an Error for a fault of the server itself. */
export class Router {
  readonly #account: Account;
  readonly #endpoint: () => string;
  readonly #itemPaths = new Map<string, Container>();

  constructor(account: Account, endpoint: () => string) {
    this.#account = account;
    this.#endpoint = endpoint;
  }

  answer(request: CosmosRequest): CosmosReply {
    const known = this.#itemPaths.get(request.path);
    // Requests to a container's items are nearly all there is, so their path is taken apart only once.
    if (known !== undefined && this.#account.owns(known)) {
      return this.#withinContainer(known, "docs", undefined, request);
    }
    const segments = request.path.split("/").filter((segment) => segment !== "");
    const [root, databaseId, , containerId, kind, id] = segments.map(decode);
    if (root === undefined) return ok(this.#describeAccount());
    if (root === "offers") return answerOffers(this.#account, databaseId, request);
    if (root !== "dbs") throw unsupported(`The resource "/${root}"`);
    if (databaseId === undefined) return this.#toDatabases(request);
    if (segments[2] === undefined) return this.#toDatabase(databaseId, request);
    if (segments[2] !== "colls") throw unsupported(`The resource "${segments[2]}" of a database`);
    if (containerId === undefined) return this.#toContainers(databaseId, request);
    if (kind === undefined) return this.#toContainer(databaseId, containerId, request);
    const container = this.#account.container(databaseId, containerId);
    if (kind === "docs" && id === undefined) this.#itemPaths.set(request.path, container);
    return this.#withinContainer(container, kind, id, request);
  }

  #withinContainer(container: Container, kind: string, id: string | undefined, request: CosmosRequest): CosmosReply {
    if (kind === "docs") {
      checkRange(request);
      container.throughput?.admit(container.now());
      return id === undefined
        ? toItems(this.#account, container, request)
        : toItem(this.#account, container, id, request);
    }
    if (kind === "pkranges")
      return ok({ _rid: container.rid, PartitionKeyRanges: [range(container)], _count: 1 }, '"1"');
    if (kind === "operations" && id === "partitionkeydelete") {
      this.#account.begin();
      container.documents.deleteKey(requiredKey(container, request));
      return ok({});
    }
    throw unsupported(unsupportedKinds[kind] ?? `The resource "${kind}" of a container`);
  }

  #toDatabases(request: CosmosRequest): CosmosReply {
    if (request.method === "POST" && !isQuery(request)) {
      const body = bodyObject(request);
      return { ...ok(describeDatabase(this.#account.createDatabase(body.id))), status: 201 };
    }
    const all = [...this.#account.databases.values()].map(describeDatabase);
    return list("Databases", filterResources(all, request), "");
  }

  #toDatabase(id: string, { method }: CosmosRequest): CosmosReply {
    if (method === "GET") return ok(describeDatabase(this.#account.database(id)));
    if (method !== "DELETE") throw new Refusal(405, `${method} is not allowed on a database.`);
    this.#account.deleteDatabase(id);
    return noContent;
  }

  #toContainers(databaseId: string, request: CosmosRequest): CosmosReply {
    const database = this.#account.database(databaseId);
    if (request.method === "POST" && !isQuery(request)) {
      const container = this.#account.createContainer(databaseId, bodyObject(request));
      recordOffer(container, request);
      return { ...ok(container.resource), status: 201 };
    }
    const all = [...database.containers.values()].map((container) => container.resource);
    return list("DocumentCollections", filterResources(all, request), database.rid);
  }

  #toContainer(databaseId: string, id: string, request: CosmosRequest): CosmosReply {
    const container = this.#account.database(databaseId).containers.get(id);
    if (container === undefined) throw notFound();
    switch (request.method) {
      case "GET":
        return ok(container.resource);
      case "PUT":
        this.#account.replaceContainer(container, bodyObject(request));
        return ok(container.resource);
      case "DELETE":
        this.#account.deleteContainer(container);
        return noContent;
      default:
        throw new Refusal(405, `${request.method} is not allowed on a container.`);
    }
  }

  #describeAccount(): JsonObject {
    const here = [{ name: "Local", databaseAccountEndpoint: this.#endpoint() }];
    return {
      _self: "",
      // With the id "localhost" the SDK would forget the locations and ask for the account before every request.
      id: "tidemark-local",
      _rid: "tidemark-local",
      media: "//media/",
      addresses: "//addresses/",
      _dbs: "//dbs/",
      writableLocations: here,
      readableLocations: here,
      enableMultipleWriteLocations: false,
      userReplicationPolicy: { asyncReplication: false, minReplicaSetSize: 1, maxReplicasetSize: 4 },
      userConsistencyPolicy: { defaultConsistencyLevel: "Session" },
      systemReplicationPolicy: { minReplicaSetSize: 1, maxReplicasetSize: 4 },
      readPolicy: { primaryReadCoefficient: 1, secondaryReadCoefficient: 1 },
      queryEngineConfiguration: "{}",
    };
  }
}

const unsupportedKinds: Readonly<Record<string, string>> = {
  sprocs: "A stored procedure",
  triggers: "A trigger",
  udfs: "A user defined function",
  conflicts: "The conflict feed",
};

/** Every container is one physical partition, as a new container of the service is. */
function range(container: Container): JsonObject {
  return {
    _rid: `${container.rid.slice(0, 11)}range=`,
    id: "0",
    _etag: '"1"',
    minInclusive: "",
    maxExclusive: "FF",
    ridPrefix: 0,
    _self: `${container.self}pkranges/0/`,
    throughputFraction: 1,
    status: "online",
    parents: [],
    _ts: 0,
  };
}

function checkRange(request: CosmosRequest): void {
  const id = request.header("x-ms-documentdb-partitionkeyrangeid");
  if (id !== undefined && id !== "0") throw rangeGone(String(id));
}

function describeDatabase({ id, rid, createdAt }: Database): JsonObject {
  return { id, _rid: rid, _self: `dbs/${rid}/`, _etag: `"${rid}"`, _colls: "colls/", _users: "users/", _ts: createdAt };
}

function ok(resource: JsonObject, etag?: string): CosmosReply {
  const own = typeof resource._etag === "string" ? resource._etag : undefined;
  return { status: 200, body: JSON.stringify(resource), charge: 1, etag: etag ?? own };
}

const noContent: CosmosReply = { status: 204, body: undefined, charge: 1 };

function list(name: string, resources: readonly Json[], rid: string): CosmosReply {
  return ok({ _rid: rid, [name]: [...resources], _count: resources.length });
}

function bodyObject(request: CosmosRequest): JsonObject {
  const body = parseBody(request.body);
  if (!isObject(body)) throw badRequest("The request body must be a JSON object.");
  return body;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest(`The path segment "${segment}" is not valid percent-encoding.`);
  }
}

export const isQuery = (request: CosmosRequest) =>
  request.header("x-ms-documentdb-isquery") !== undefined ||
  request.header("content-type") === "application/query+json";
