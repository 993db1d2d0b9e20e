import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { Container } from "@azure/cosmos";
import { type CosmosRequest, type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type DeliveryContext, deliverDocuments } from "../../lib/sinks/cosmos/delivery.ts";
import { Versions } from "../../lib/sinks/cosmos/versions.ts";
import { cosmos } from "../../lib/sinks/cosmos.ts";
import { sinkConformance } from "./conformance.ts";
import { cosmosClient, hastyWorld, localConnections, notingWorld, Owner, type OwnerOptions } from "./support.ts";

interface Doc {
  readonly id: string;
  readonly origin: string;
  readonly version: number;
}

const DATABASE = "analytics";
let server: CosmosServer;
let connections: ReturnType<typeof localConnections>;

before(async () => {
  server = await startCosmosServer({ port: 0 });
  connections = localConnections({ cosmos: server.connectionString });
});
after(async () => {
  await connections.close();
  await server.stop();
});

/** A container of its own, the sink that writes to it, and a client to look at it. */
function newContainer(name: string = randomUUID()) {
  server.ensureContainer(DATABASE, name, ["/origin"]);
  const client = cosmosClient(server.connectionString);
  return { name, container: client.database(DATABASE).container(name), sink: sinkOn(name) };
}

const sinkOn = (containerName: string) =>
  cosmos<Doc>({ databaseName: DATABASE, containerName, partitionKey: "/origin" });

const doc = (id: string, version: number, origin = `key of ${id}`): Doc => ({ id, origin, version });
const docs = (count: number, version: number, from = 0) =>
  Array.from({ length: count }, (_, i) => doc(`d${from + i}`, version));

async function versionOf(container: Container, id: string, origin = `key of ${id}`): Promise<number | undefined> {
  const { resource } = await container.item(id, origin).read<Doc>();
  return resource?.version;
}

/** The versions of d0, d1, … */
async function versions(container: Container, count: number): Promise<Set<unknown>> {
  const seen = new Set<unknown>();
  for (let from = 0; from < count; from += 100) {
    const ids = docs(Math.min(100, count - from), 0, from).map(({ id }) => id);
    const reads = ids.map((id) => ({ operationType: "Read" as const, id, partitionKey: `key of ${id}` }));
    for (const { resourceBody } of await container.items.bulk(reads)) seen.add(resourceBody?.version);
  }
  return seen;
}

sinkConformance<Doc>("Cosmos DB sink", async () => {
  const { container, sink } = newContainer();
  const keys = new Set<string>();
  const idOf = (key: string) => key.replaceAll("/", "-");
  return {
    sink,
    connections,
    keeps: "latest",
    value: (key, version) => {
      keys.add(key);
      return doc(idOf(key), version, key);
    },
    read: async () => {
      const held = new Map<string, number[]>();
      for (const key of keys) {
        const version = await versionOf(container, idOf(key), key);
        if (version !== undefined) held.set(key, [version]);
      }
      return held;
    },
    impossible: () => doc("a/b", 0, "ORD"),
    interrupt: () => server.inject({ status: 0, afterwards: true, match: ({ method }) => method === "POST" }),
  };
});

describe("Cosmos DB sink", () => {
  const open = (sink: ReturnType<typeof sinkOn>, options: Partial<OwnerOptions> = {}) =>
    Owner.open(sink, { connections, ...options });

  it("marks documents with task, generation, sequence and nonce", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    const frame = owner.frame([doc("a", 1)]);
    await owner.deliver(frame);
    const { resource } = await container.item("a", "key of a").read();
    assert.deepEqual(resource._tm, { task: "flights/0", g: 1, s: 1, n: frame.stamp.nonce });
  });

  it("writes a thousand documents of distinct keys, new and updated, in bulks", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    await owner.deliver(owner.frame(docs(1_000, 1)));
    const before = server.stats().requests;
    await owner.deliver(owner.frame(docs(1_000, 2)));
    assert.equal(server.stats().requests - before, 10, "an update of a version of one's own is one operation");
    assert.deepEqual(await versions(container, 1_000), new Set([2]));
  });

  it("survives a storm of 429, waiting as long as the server says", async () => {
    const { name, container, sink } = newContainer();
    const { world, sleeps } = notingWorld();
    const owner = await open(sink, { world });
    server.inject({ status: 429, retryAfterMs: 70, times: 4, match: ({ path }) => path.includes(name) });
    await owner.deliver(owner.frame(docs(50, 1)));
    assert.deepEqual(await versions(container, 50), new Set([1]));
    assert.ok(sleeps.length >= 1);
    assert.ok(
      sleeps.every((slept) => slept >= 70 && slept < 100),
      String(sleeps),
    );
  });

  it("goes on with what one rate-limited container took and retries the rest", async () => {
    const { name, container, sink } = newContainer();
    const owner = await open(sink);
    server.setRate(DATABASE, name, 4_000);
    await owner.deliver(owner.frame(docs(900, 1)));
    server.setRate(DATABASE, name, 1_000_000);
    assert.deepEqual(await versions(container, 900), new Set([1]));
  });

  for (const status of [0, 408, 410, 449, 500, 503, 401]) {
    it(`retries after ${status || "a cut connection"}`, async () => {
      const { name, container, sink } = newContainer();
      const owner = await open(sink);
      server.inject({ status, times: 5, match: ({ path, method }) => method === "POST" && path.includes(name) });
      await owner.deliver(owner.frame(docs(20, 1)));
      assert.deepEqual(await versions(container, 20), new Set([1]));
    });
  }

  it("recognises its own write when only the answer was lost", async () => {
    const { name, container, sink } = newContainer();
    const owner = await open(sink);
    const posts = (request: CosmosRequest) => request.method === "POST" && request.path.includes(name);
    server.inject({ status: 0, afterwards: true, times: 2, match: posts });
    const requests = server.stats().requests;
    await owner.deliver(owner.frame(docs(20, 1)));
    assert.ok(
      server.stats().requests - requests >= 4,
      "a bulk, one document alone, the bulk again, a look at what is there",
    );
    assert.deepEqual(await versions(container, 20), new Set([1]));
  });

  it("outlives a server that is away for a while", async () => {
    const away = await startCosmosServer({ port: 0 });
    away.ensureContainer(DATABASE, "c", ["/origin"]);
    const to = localConnections({ cosmos: away.connectionString });
    const owner = await open(sinkOn("c"), { connections: to });
    await owner.deliver(owner.frame(docs(10, 1)));
    await away.stop();
    const frame = owner.frame(docs(10, 2));
    await assert.rejects(owner.deliver(frame, AbortSignal.timeout(100)), { code: "UNAVAILABLE", retryable: true });
    const delivering = owner.deliver(frame);
    const back = await startCosmosServer({ port: away.port });
    back.ensureContainer(DATABASE, "c", ["/origin"]);
    await delivering;
    const client = cosmosClient(back.connectionString);
    assert.deepEqual(await versions(client.database(DATABASE).container("c"), 10), new Set([2]));
    await to.close();
    client.dispose();
    await back.stop();
  });

  it("does not overwrite another task's document, and names rekey and the key", async () => {
    const { container, sink } = newContainer();
    const theirs = await open(sink, { partition: "1" });
    await theirs.deliver(theirs.frame([doc("a", 1)]));
    const mine = await open(sink, { partition: "0" });
    await assert.rejects(mine.deliver(mine.frame([doc("a", 2), doc("b", 2)])), (error: Error & { code: string }) => {
      assert.equal(error.code, "FOREIGN_DOCUMENT");
      assert.match(error.message, /"a" with partition key "key of a".*task flights\/1.*task flights\/0.*rekey/);
      return true;
    });
    assert.equal(await versionOf(container, "a"), 1);
    assert.equal(await versionOf(container, "b"), 2, "the documents beside it are written");
  });

  it("tells another pipeline's document apart from a hub that is not keyed", async () => {
    const { sink } = newContainer();
    const theirs = await open(sink, { pipeline: "other" });
    await theirs.deliver(theirs.frame([doc("a", 1)]));
    const mine = await open(sink);
    await assert.rejects(mine.deliver(mine.frame([doc("a", 2)])), {
      code: "FOREIGN_DOCUMENT",
      message: /Two pipelines/,
    });
  });

  it("does not overwrite a document that Tidemark did not write", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    const fences = [undefined, "mine", { task: "flights/0" }, { task: "flights/0", g: 1, s: "0", n: "" }];
    for (const [i, _tm] of fences.entries()) {
      await container.items.create({ ...doc(`a${i}`, 7), _tm });
      const refusal = { code: "FOREIGN_DOCUMENT", message: /was not written by Tidemark/ };
      await assert.rejects(owner.deliver(owner.frame([doc(`a${i}`, 1)])), refusal);
      assert.equal(await versionOf(container, `a${i}`), 7);
    }
  });

  it("is loud about a frame of equal number and another nonce: the log went back", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    await owner.deliver(owner.frame([doc("a", 1)]));
    for (const other of [owner, await open(sink)]) {
      const stamp = { pipeline: "flights", partition: "0", generation: 1, sequence: 1, nonce: "another" };
      await assert.rejects(other.deliver({ stamp, messages: [doc("a", 2)] }), {
        code: "LOG_DAMAGED",
        message: /generation 1, sequence 1.*went back/,
      });
    }
    assert.equal(await versionOf(container, "a"), 1);
  });

  it("lets a new generation begin with small sequences, and keeps the old one out", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    for (const version of [1, 2, 3]) await owner.deliver(owner.frame([doc("a", version)]));
    const next = await open(sink);
    const stamp = { pipeline: "flights", partition: "0", generation: 2, sequence: 1, nonce: "n" };
    await next.deliver({ stamp, messages: [doc("a", 10)] });
    await owner.deliver(owner.frame([doc("a", 4)]));
    assert.equal(await versionOf(container, "a"), 10);
  });

  it("writes again what was deleted meanwhile", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    await owner.deliver(owner.frame([doc("a", 1), doc("b", 1)]));
    await container.item("a", "key of a").delete();
    await owner.deliver(owner.frame([doc("a", 2), doc("b", 2)]));
    assert.deepEqual([await versionOf(container, "a"), await versionOf(container, "b")], [2, 2]);
  });

  it("looks again where somebody has touched its document since, and brings it up to date", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    await owner.deliver(owner.frame([doc("a", 1)]));
    await container.item("a", "key of a").patch([{ op: "add", path: "/note", value: "seen" }]);
    await owner.deliver(owner.frame([doc("a", 2)]));
    assert.equal(await versionOf(container, "a"), 2);
  });

  it("reports refused documents and writes the others", async () => {
    const { name, container, sink } = newContainer();
    const owner = await open(sink);
    server.inject({ status: 413, times: 100, match: ({ body, path }) => path.includes(name) && /"d[07]"/.test(body) });
    const { refused } = await owner.deliver(owner.frame(docs(30, 1)));
    assert.deepEqual(refused.map(({ message }) => (message as Doc).id).toSorted(), ["d0", "d7"]);
    assert.match(String(refused[0]?.reason), /^Cosmos DB answered 413/);
    const held = await Promise.all(docs(30, 1).map(({ id }) => versionOf(container, id)));
    assert.deepEqual(
      held.flatMap((version, i) => (version === 1 ? [] : [i])),
      [0, 7],
    );
  });

  it("refuses a document that a unique key keeps out, instead of trying for ever", async () => {
    const { name, sink } = newContainer();
    const owner = await open(sink);
    server.inject({ status: 409, times: 100, match: ({ method, path }) => method === "POST" && path.includes(name) });
    const { refused } = await owner.deliver(owner.frame([doc("a", 1)]));
    assert.match(String(refused[0]?.reason), /409.*unique key/);
  });

  it("refuses an update that a unique key keeps out, and not one that another's update lets in", async () => {
    const name = randomUUID();
    const uniqueKeyPolicy = { uniqueKeys: [{ paths: ["/version"] }] };
    const client = cosmosClient(server.connectionString);
    await client.databases.createIfNotExists({ id: DATABASE });
    await client
      .database(DATABASE)
      .containers.create({ id: name, partitionKey: { paths: ["/origin"] }, uniqueKeyPolicy });
    const owner = await open(sinkOn(name));
    await owner.deliver(owner.frame([doc("a", 1, "ORD"), doc("b", 2, "ORD")]));
    const { refused } = await owner.deliver(owner.frame([doc("b", 1, "ORD")]));
    assert.match(String(refused[0]?.reason), /409.*unique key/);
    const moved = await owner.deliver(owner.frame([doc("b", 1, "ORD"), doc("a", 3, "ORD")]));
    assert.deepEqual(moved.refused, []);
    const container = client.database(DATABASE).container(name);
    assert.deepEqual([await versionOf(container, "a", "ORD"), await versionOf(container, "b", "ORD")], [3, 1]);
  });

  it("asks again where a replica does not know yet whether a document is there", async () => {
    const { container, sink } = newContainer();
    const owner = await open(sink);
    await owner.deliver(owner.frame([doc("a", 1)]));
    const next = await owner.takeOver();
    server.inject({ status: 404, subStatus: 1002, times: 10, match: ({ method }) => method === "GET" });
    const { refused } = await next.deliver(next.frame([doc("a", 2)]));
    assert.deepEqual([refused, await versionOf(container, "a")], [[], 2]);
  });

  it("tells of more refused documents than a call takes arguments", async () => {
    const context: DeliveryContext = {
      world: hastyWorld,
      target: "d/c",
      partitionKey: ["/origin"],
      versions: new Versions(0),
      submit: async (operations) => operations.map(() => ({ kind: "refused", reason: "no" })),
    };
    const fence = { task: "p/0", g: 1, s: 1, n: "00" };
    const messages = Array.from({ length: 200_000 }, (_, i) => ({ id: `${i}`, origin: "ORD" }));
    const refused = await deliverDocuments(messages, fence, context, AbortSignal.timeout(20_000));
    assert.equal(refused.length, messages.length);
  });

  it("writes to a container with a hierarchical partition key", async () => {
    server.ensureContainer(DATABASE, "hierarchical", ["/origin", "/hour"]);
    const paths = ["/origin", "/hour"];
    const sink = cosmos<Doc & { hour: number }>({
      databaseName: DATABASE,
      containerName: "hierarchical",
      partitionKey: paths,
    });
    const owner = await Owner.open(sink, { connections });
    const container = cosmosClient(server.connectionString).database(DATABASE).container("hierarchical");
    for (const version of [1, 2]) {
      await owner.deliver(owner.frame([1, 2, 3].map((hour) => ({ ...doc("a", version, "ORD"), hour }))));
      const next = await owner.takeOver();
      await next.deliver(next.frame([{ ...doc("a", version + 10, "ORD"), hour: 2 }]));
      const held = await Promise.all([1, 2, 3].map((hour) => container.item("a", ["ORD", hour]).read<Doc>()));
      assert.deepEqual(
        held.map(({ resource }) => resource?.version),
        [version, version + 10, version],
      );
      await container.item("a", ["ORD", 2]).delete();
    }
  });

  it("says that the container is missing", async () => {
    await assert.rejects(open(sinkOn("nowhere")), { code: "NOT_FOUND", message: /analytics\/nowhere.*\/origin/ });
  });

  it("refuses a container with another partition key", async () => {
    server.ensureContainer(DATABASE, "by-route", ["/route"]);
    await assert.rejects(open(sinkOn("by-route")), { code: "CONFIGURATION", message: /\/route.*\/origin/ });
  });

  it("refuses an account with several write regions", async () => {
    const { sink } = newContainer();
    const client = cosmosClient(server.connectionString);
    const regions = [1, 2].map((n) => ({ name: `region ${n}`, databaseAccountEndpoint: server.endpoint }));
    const account = await client.getDatabaseAccount();
    Object.assign(account.resource ?? {}, { writableLocations: regions, enableMultipleWritableLocations: true });
    client.getDatabaseAccount = async () => account;
    const several = { ...connections, cosmos: async () => client };
    await assert.rejects(open(sink, { connections: several }), { code: "CONFIGURATION", message: /several regions/ });
  });

  it("says what to do when the account refuses the app, asks with pauses, and opens when that is right", async () => {
    const { sink } = newContainer();
    let refuses = true;
    server.inject({ status: 401, times: 100, match: ({ path }) => refuses && !path.includes("/docs") });
    const fresh = localConnections({ cosmos: server.connectionString });
    const { world, sleeps } = notingWorld();
    const refusal = {
      code: "UNAVAILABLE",
      retryable: true,
      fix: /check the key of the connection string, or the roles/,
    };
    await assert.rejects(open(sink, { connections: fresh, world }), refusal);
    assert.equal(sleeps.length, 4);
    refuses = false;
    await open(sink, { connections: fresh, world });
    await fresh.close();
  });

  it("says as retryable that the account does not answer", async () => {
    const gone = localConnections({ cosmos: "AccountEndpoint=http://127.0.0.1:9/;AccountKey=a2V5;" });
    await assert.rejects(open(sinkOn("c"), { connections: gone }), { code: "UNAVAILABLE", retryable: true });
  });
});
