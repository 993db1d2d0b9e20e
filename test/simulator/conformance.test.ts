import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import type { Container, CosmosClient, OperationInput } from "@azure/cosmos";
import type { EventHubProducerClient } from "@azure/event-hubs";
import type { BlobServiceClient } from "@azure/storage-blob";
import type { DequeuedMessageItem, QueueServiceClient } from "@azure/storage-queue";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { readSettings } from "../../lib/azure/settings.ts";
import type { PartitionReader } from "../../lib/engine/ports.ts";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { type Storage, startStorage } from "../../lib/local/storage/index.ts";
import { runAlone } from "../../lib/sinks/cosmos/operation.ts";
import type { Outcome } from "../../lib/sinks/cosmos/outcome.ts";
import { EventHubReader } from "../../lib/sources/event-hub-reader.ts";
import { SimBlobContainer, simBlobService } from "../../lib/testing/simulator/sim-blobs.ts";
import { SimContainer, simCosmosClient } from "../../lib/testing/simulator/sim-cosmos.ts";
import { SimHub } from "../../lib/testing/simulator/sim-hub.ts";
import { SimQueue } from "../../lib/testing/simulator/sim-queue.ts";
import { cosmosClient, localConnections } from "../sinks/support.ts";
import { quietProcess } from "./simulated.ts";

/** What a call came to, in a form that two services can be compared by. */
async function outcome(call: () => Promise<unknown>): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    const { code, retryAfterInMs } = error as { code?: unknown; retryAfterInMs?: unknown };
    return { thrown: code ?? "without a code", ...(retryAfterInMs === undefined ? {} : { retryAfterInMs }) };
  }
}

const DATABASE = "conformance";
const doc = (id: string, version: number) => ({ id, origin: "ORD", version });

/** Every kind of call that the sink makes, and every answer that it tells apart. */
async function cosmosScript(client: CosmosClient, container: string): Promise<unknown[]> {
  const target = client.database(DATABASE).container(container);
  const missing = client.database(DATABASE).container("nowhere");
  const etags = new Map<string, string>();
  const seen: unknown[] = [];
  const note = async (call: () => Promise<unknown>): Promise<void> => void seen.push(await outcome(call));
  const plain = (answer: { statusCode?: number; etag?: string; resource?: unknown }) => {
    const { version } = (answer.resource ?? {}) as { version?: number };
    return { status: answer.statusCode, tagged: answer.etag !== undefined, version };
  };
  const create = (id: string, version: number) => async () => {
    const answer = await target.items.create(doc(id, version));
    etags.set(id, answer.etag);
    return plain(answer);
  };
  const replace = (id: string, version: number, condition: string) => async () => {
    const answer = await target
      .item(id, ["ORD"])
      .replace(doc(id, version), { accessCondition: { type: "IfMatch", condition } });
    assert.notEqual(answer.etag, etags.get(id));
    etags.set(id, answer.etag);
    return plain(answer);
  };
  const read = (id: string) => async () => plain(await target.item(id, ["ORD"]).read());
  const bulk = (inputs: OperationInput[], options: object) => async () => {
    const answers = await target.items.bulk(inputs, { continueOnError: true }, options);
    return answers.map(({ statusCode, eTag, resourceBody }) => ({
      statusCode,
      tagged: eTag !== undefined,
      version: (resourceBody as { version?: number } | undefined)?.version,
    }));
  };
  await note(async () => (await client.getDatabaseAccount()).resource?.enableMultipleWritableLocations ?? false);
  await note(async () => (await target.read()).resource?.partitionKey?.paths);
  await note(() => missing.read());
  await note(() => missing.items.create(doc("a", 1)));
  await note(create("a", 1));
  await note(create("a", 2));
  await note(read("a"));
  await note(read("b"));
  const old = etags.get("a") as string;
  await note(replace("a", 3, old));
  await note(replace("a", 4, old));
  await note(replace("b", 1, old));
  const key = { partitionKey: ["ORD"] };
  await note(
    bulk(
      [
        { operationType: "Create", ...key, resourceBody: doc("c", 1) },
        { operationType: "Create", ...key, resourceBody: doc("a", 9) },
        { operationType: "Replace", ...key, id: "a", ifMatch: etags.get("a") as string, resourceBody: doc("a", 5) },
        { operationType: "Replace", ...key, id: "c", ifMatch: old, resourceBody: doc("c", 9) },
        { operationType: "Replace", ...key, id: "z", ifMatch: old, resourceBody: doc("z", 9) },
      ],
      { contentResponseOnWriteEnabled: false },
    ),
  );
  const reads = ["a", "c", "z"].map((id): OperationInput => ({ operationType: "Read", ...key, id }));
  await note(bulk(reads, {}));
  return seen;
}

describe("the simulated Cosmos DB", () => {
  let server: CosmosServer;
  before(async () => {
    server = await startCosmosServer({ port: 0 });
  });
  after(() => server.stop());

  it("answers as the local server does through the SDK", async () => {
    server.ensureContainer(DATABASE, "docs", ["/origin"]);
    const real = await cosmosScript(cosmosClient(server.connectionString), "docs");
    const { life, run } = quietProcess();
    const containers = [
      new SimContainer({ database: DATABASE, container: "docs", partitionKey: ["/origin"] }, () => undefined),
    ];
    assert.deepEqual(await run(() => cosmosScript(simCosmosClient(containers, life), "docs")), real);
    assert.ok(real.length > 10);
  });

  it("fails as the local server does: refused with a delay, refused, and done without an answer", async () => {
    server.ensureContainer(DATABASE, "faults", ["/origin"]);
    const target = cosmosClient(server.connectionString).database(DATABASE).container("faults");
    const { life, faults, run } = quietProcess();
    const options = { database: DATABASE, container: "faults", partitionKey: ["/origin"] };
    const simulated = simCosmosClient([new SimContainer(options, () => undefined)], life)
      .database(DATABASE)
      .container("faults");
    const cases = [
      { fault: { status: 429, retryAfterMs: 40 }, kind: "cosmos-throttled" },
      { fault: { status: 0, afterwards: true }, kind: "cosmos-lost" },
    ] as const;
    const outcomes = async (container: Container, id: string): Promise<unknown[]> => {
      const create = (): Promise<Outcome> => runAlone(container, { kind: "Create", key: ["ORD"], body: doc(id, 1) });
      return [await create(), await create()].map(({ kind, ...rest }) => [
        kind,
        "delay" in rest ? rest.delay : undefined,
      ]);
    };
    for (const [index, { fault, kind }] of cases.entries()) {
      server.inject(fault);
      const real = await outcomes(target, `f${index}`);
      faults.arm("cosmos", { index, kind, at: 0, value: 0 });
      assert.deepEqual(await run(() => outcomes(simulated, `f${index}`)), real);
      assert.deepEqual((real[0] as unknown[])[0], "busy");
    }
  });
});

const HUB = "flights";
const GROUP = "conformance";

/** What the sink sends and the reader reads, and what both may know of a hub. */
async function hubScript(producer: EventHubProducerClient, reader: PartitionReader): Promise<unknown[]> {
  const seen: unknown[] = [];
  const bounds = async () => {
    const { first, next, partitionCount } = await reader.bounds();
    seen.push({ first, next, partitionCount });
  };
  const send = async (bodies: readonly string[]): Promise<void> => {
    const batch = await producer.createBatch({ partitionId: "1" });
    for (const [at, body] of bodies.entries()) {
      seen.push(batch.tryAdd({ body: Buffer.from(body), properties: { tidemark: `p;1;${at};0;2` } }), batch.count);
    }
    await producer.sendBatch(batch);
  };
  const read = async (from: number, to: number, limit: number): Promise<void> => {
    for await (const events of reader.read(from, to, limit)) {
      assert.ok(events.length <= limit);
      for (const { sequenceNumber, body, properties } of events) {
        seen.push([sequenceNumber, Buffer.from(body).toString(), properties.tidemark]);
      }
    }
    seen.push("end");
  };
  await bounds();
  await read(0, 5, 2);
  await send(["a", "b", "c"]);
  await send(["d", ""]);
  await bounds();
  await read(1, 4, 2);
  await read(3, 9, 10);
  await send(["x".repeat(2 * 1024 * 1024), "e"]);
  await bounds();
  return seen;
}

describe("the simulated hub", () => {
  let server: HubServer;
  before(async () => {
    server = await startHubServer({ port: 0, hubs: [{ name: HUB, partitions: 2, consumerGroups: [GROUP] }] });
  });
  after(() => server.stop());

  it("gives and takes events as the local server does through the SDK", async () => {
    const connections = new AzureConnections(
      readSettings([{ name: "Hub", service: "Event Hubs", usedBy: "a test" }], { Hub: server.connectionString }),
    );
    const client = () => connections.eventHubConsumer("Hub", HUB, GROUP);
    const producer = await connections.eventHubProducer("Hub", HUB);
    const real = await hubScript(producer, new EventHubReader({ client, partition: "1", quietSeconds: 1 }));
    await connections.close();

    const { scheduler, life, run } = quietProcess();
    const hub = new SimHub(scheduler, { name: HUB, partitions: 2, maxBytes: 1024 * 1024 });
    const reader = new EventHubReader({
      client: async () => hub.consumer(life),
      partition: "1",
      quietSeconds: 1,
      sleep: (milliseconds, signal) => life.sleep(milliseconds, signal),
    });
    assert.deepEqual(await run(() => hubScript(hub.producer(life), reader)), real);
    assert.ok(real.length > 20);
  });
});

/** What the side output asks of blob storage. */
async function sideScript(service: BlobServiceClient, container: string): Promise<unknown[]> {
  const target = service.getContainerClient(container);
  const put = (name: string, text: string) =>
    outcome(async () => {
      await target.getBlockBlobClient(name).uploadData(Buffer.from(text), { maxSingleShotSize: 1_000_000 });
      return "written";
    });
  const before = await put("late/a", "1");
  await target.createIfNotExists();
  await target.createIfNotExists();
  return [before, await put("late/a", "1"), await put("late/a", "2")];
}

/** What a sink of files asks of it. */
async function filesScript(service: BlobServiceClient, container: string): Promise<unknown[]> {
  const target = service.getContainerClient(container);
  const create = (name: string, text: string, tidemark: string) =>
    outcome(async () => {
      const options = { conditions: { ifNoneMatch: "*" }, metadata: { tidemark } };
      await target.getBlockBlobClient(name).upload(Buffer.from(text), text.length, options);
      return "created";
    });
  const properties = async (name: string) => {
    try {
      return (await target.getBlockBlobClient(name).getProperties()).metadata;
    } catch (error) {
      return (error as { statusCode?: number }).statusCode;
    }
  };
  const before = await create("legs/a", "1", "x");
  await target.createIfNotExists();
  return [
    before,
    await properties("legs/a"),
    await create("legs/a", "1", "x"),
    await create("legs/a", "2", "y"),
    await properties("legs/a"),
  ];
}

describe("the simulated blob storage of side outputs and files", () => {
  let storage: Storage;
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  });
  after(() => storage.stop());

  it("answers as the storage service does through the SDK", async () => {
    const service = await localConnections({ blobs: storage.connectionString }).blobs("Storage");
    const real = await sideScript(service, `side-${randomUUID()}`);
    const { life, run } = quietProcess();
    const side = new SimBlobContainer(() => undefined);
    assert.deepEqual(await run(() => sideScript(simBlobService({ side }, life), "side")), real);
    assert.equal(side.blobs.get("late/a")?.toString(), "2");
  });

  it("creates a blob once as the storage service does through the SDK", async () => {
    const service = await localConnections({ blobs: storage.connectionString }).blobs("Storage");
    const real = await filesScript(service, `files-${randomUUID()}`);
    const { life, run } = quietProcess();
    const files = new SimBlobContainer(() => undefined);
    assert.deepEqual(await run(() => filesScript(simBlobService({ files }, life), "files")), real);
    assert.deepEqual(real.slice(2), ["created", { thrown: "BlobAlreadyExists" }, { tidemark: "x" }]);
    assert.equal(files.blobs.get("legs/a")?.toString(), "1");
  });
});

/** What the app sends to a queue, and what its host does with the messages. */
async function queueScript(
  service: QueueServiceClient,
  name: string,
  sleep: (milliseconds: number) => Promise<void>,
): Promise<unknown[]> {
  const queue = service.getQueueClient(name);
  const seen: unknown[] = [];
  const note = async (call: () => Promise<unknown>): Promise<void> => void seen.push(await outcome(call));
  const receive = async (visibilityTimeout: number): Promise<DequeuedMessageItem[]> => {
    const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout });
    seen.push(receivedMessageItems.map(({ messageText, dequeueCount }) => [messageText, dequeueCount]));
    return receivedMessageItems;
  };
  const send = (text: string, options: object) => async () => {
    await queue.sendMessage(text, options);
    return "sent";
  };
  const status = (call: () => Promise<unknown>) => async () => {
    try {
      await call();
      return "done";
    } catch (thrown) {
      return (thrown as { statusCode?: number }).statusCode;
    }
  };
  await note(status(send("nowhere", {})));
  await queue.createIfNotExists();
  await queue.createIfNotExists();
  await note(send("now", {}));
  await note(send("soon", { visibilityTimeout: 2, messageTimeToLive: 60 }));
  await note(send("short", { messageTimeToLive: 1 }));
  await sleep(1_200);
  const [now] = await receive(1);
  await receive(1);
  await sleep(1_300);
  const back = await receive(30);
  const [again, soon] = ["now", "soon"].map((text) => back.find(({ messageText }) => messageText === text));
  const tell = (message: DequeuedMessageItem | undefined) => message as DequeuedMessageItem;
  await note(status(() => queue.deleteMessage(tell(now).messageId, tell(now).popReceipt)));
  await note(status(() => queue.deleteMessage(tell(again).messageId, tell(again).popReceipt)));
  await note(status(() => queue.deleteMessage(tell(again).messageId, tell(again).popReceipt)));
  const { messageId, popReceipt, messageText } = tell(soon);
  await note(status(() => queue.updateMessage(messageId, popReceipt, messageText, 0)));
  await note(status(() => queue.deleteMessage(messageId, popReceipt)));
  await receive(30);
  return seen;
}

describe("the simulated queue", () => {
  let storage: Storage;
  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  });
  after(() => storage.stop());

  it("gives and takes messages as the storage service does through the SDK", async () => {
    const needs = [{ name: "Storage", service: "Queue Storage", usedBy: "a test" }] as const;
    const connections = new AzureConnections(readSettings(needs, { Storage: storage.connectionString }));
    const service = await connections.queues("Storage");
    const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));
    const real = await queueScript(service, `wake-ups-${randomUUID()}`, sleep);
    await connections.close();
    const { scheduler, life, run } = quietProcess();
    const client = new SimQueue(scheduler, "wake-ups").client(life);
    assert.deepEqual(await run(() => queueScript(client, "wake-ups", (time) => life.sleep(time))), real);
    assert.ok(real.length > 12);
  });
});
