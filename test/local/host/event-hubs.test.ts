import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type EventData, EventHubProducerClient } from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { BlobServiceClient } from "@azure/storage-blob";
import { type HubServer, startHubServer } from "../../../lib/local/hub/index.ts";
import { type Storage, startStorage } from "../../../lib/local/storage/index.ts";
import { type ObservedHost, startObserved, type TestApp, writeApp } from "./support.ts";

const HOST_JSON = {
  version: "2.0",
  extensions: {
    eventHubs: { maxEventBatchSize: 10, prefetchCount: 50, loadBalancingUpdateInterval: "00:00:00.3" },
  },
};

/** An app whose one function logs what it got and does as the first event's body says. */
const appOf = (options: object) => `
import { app } from "@azure/functions";
let calls = 0;
app.eventHub("reader", {
  connection: "Hub", eventHubName: "%HUB%", consumerGroup: "readers", ...${JSON.stringify(options)},
  handler: async (input, context) => {
    calls++;
    const events = Array.isArray(input) ? input : [input];
    const texts = events.map((event) => (Buffer.isBuffer(event) ? event.toString() : event));
    context.log(JSON.stringify({ pid: process.pid, calls, texts, meta: context.triggerMetadata, retry: context.retryContext }));
    const order = texts.find((text) => /^(fail|die|slow)/.test(String(text)));
    if (order?.startsWith("fail") && calls <= Number(order.slice(4) || Infinity)) throw new Error("told to fail");
    if (order === "die" && calls === 1) process.kill(process.pid, "SIGKILL");
    if (order === "slow") await new Promise((resolve) => setTimeout(resolve, 300));
    context.log(JSON.stringify({ done: texts }));
  },
});
`;

interface Said {
  readonly pid: number;
  readonly texts: unknown[];
  readonly done?: unknown[];
  // biome-ignore lint/suspicious/noExplicitAny: trigger metadata has a shape of its own in every test
  readonly meta: Record<string, any>;
  readonly retry?: { readonly retryCount: number; readonly exception?: { readonly message: string } };
}

describe("an Event Hubs trigger", () => {
  let storage: Storage;
  let server: HubServer;
  let app: TestApp | undefined;
  let hosts: ObservedHost[] = [];
  let producer: EventHubProducerClient;
  let hub: string;
  let number = 0;

  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    const hubs = Array.from({ length: 20 }, (_, i) => ({
      name: `hub${i}`,
      partitions: 2,
      consumerGroups: ["readers"],
    }));
    server = await startHubServer({ hubs, port: 0 });
  });
  after(async () => {
    await server.stop();
    await storage.stop();
  });
  beforeEach(() => {
    hub = `hub${number++}`;
    producer = new EventHubProducerClient(server.connectionString, hub);
  });
  afterEach(async () => {
    await Promise.all(hosts.map(({ host }) => host.stop()));
    hosts = [];
    await producer.close();
    await app?.remove();
  });

  async function open(options: object, more: { host?: object; hostJson?: object } = {}): Promise<ObservedHost> {
    app ??= await writeApp({ "main.ts": appOf(options) }, more.hostJson ?? HOST_JSON);
    const settings = { Hub: server.connectionString, HUB: hub, AzureWebJobsStorage: storage.connectionString };
    const observed = await startObserved({ appFolder: app.folder, settings, ...more.host });
    hosts.push(observed);
    return observed;
  }
  afterEach(() => {
    app = undefined;
  });

  const send = (partitionId: string, ...bodies: (string | EventData)[]) =>
    producer.sendBatch(
      bodies.map((body) => (typeof body === "string" ? { body: Buffer.from(body) } : body)),
      { partitionId },
    );
  const calls = (observed: ObservedHost) => (observed.said() as Said[]).filter(({ done }) => done === undefined);
  const got = (observed: ObservedHost) => calls(observed).map(({ texts }) => texts);
  const checkpoints = (observed: ObservedHost) =>
    observed.events.flatMap((event) => (event.kind === "checkpointed" ? [event.sequenceNumber] : []));
  const MANY = { cardinality: "many", dataType: "binary" };

  it("gives batches of raw bytes with the metadata of the real host", async () => {
    await producer.sendBatch(
      [
        { body: Buffer.from("one"), properties: { Kind: "x", n: 1 }, contentType: "text/plain" },
        { body: Buffer.from([0xff, 0x00]) },
      ],
      { partitionKey: "123" },
    );
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 1);
    const { texts, meta } = calls(observed)[0] as Said;
    assert.deepEqual(texts, ["one", Buffer.from([0xff, 0x00]).toString()]);
    assert.deepEqual(Object.keys(meta.partitionContext), [
      "isCheckpointingAfterInvocation",
      "fullyQualifiedNamespace",
      "eventHubName",
      "consumerGroup",
      "partitionId",
    ]);
    assert.equal(meta.partitionContext.eventHubName, hub);
    assert.equal(meta.partitionContext.consumerGroup, "readers");
    assert.equal(meta.partitionContext.isCheckpointingAfterInvocation, true);
    assert.deepEqual(meta.sequenceNumberArray, [
      { low: 0, high: 0, unsigned: false },
      { low: 1, high: 0, unsigned: false },
    ]);
    assert.deepEqual(meta.partitionKeyArray, [123, 123]);
    assert.deepEqual(meta.propertiesArray, [{ kind: "x", n: 1 }, {}]);
    assert.match(meta.enqueuedTimeUtcArray[0], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/);
    const system = meta.systemPropertiesArray[0];
    assert.equal(system["content-type"], "text/plain");
    assert.deepEqual(
      [system.sequenceNumber, system.offsetString, system.partitionKey, system.enqueuedTimeUtc],
      [0, String(system.offset), "123", meta.enqueuedTimeUtcArray[0]],
    );
  });

  it("keeps its checkpoints where the real host keeps them", async () => {
    await send("1", "a", "b", "c");
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 1);
    const container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(
      "azure-webjobs-eventhub",
    );
    const namespace = calls(observed)[0]?.meta.partitionContext.fullyQualifiedNamespace;
    const blob = container.getBlobClient(`${namespace}/${hub}/readers/checkpoint/1`);
    const { metadata } = await blob.getProperties();
    assert.equal(metadata?.sequencenumber, "2");
    const owner = await container.getBlobClient(`${namespace}/${hub}/readers/ownership/1`).getProperties();
    assert.match(owner.metadata?.ownerid ?? "", /^local-/);

    await observed.host.stop();
    await send("1", "d");
    const again = await open(MANY);
    await again.until(() => checkpoints(again).length === 1);
    assert.deepEqual(got(again), [["d"]]);
  });

  it("gives one event at a time to a function with cardinality one", async () => {
    await send("0", '{"a":1}', "plain", "7");
    const observed = await open({ cardinality: "one", dataType: "string" });
    await observed.until(() => checkpoints(observed).length === 1);
    assert.deepEqual(got(observed), [[{ a: 1 }], ["plain"], [7]]);
    const { meta } = calls(observed)[1] as Said;
    assert.equal(meta.sequenceNumber, 1);
    assert.equal(meta.systemProperties.sequenceNumber, 1);
    assert.deepEqual(checkpoints(observed), [2]);
  });

  it("parses texts that are JSON and drops empty ones when the data type is string", async () => {
    await send("0", '{"a":1}', "", "plain");
    const observed = await open({ cardinality: "many", dataType: "string" });
    await observed.until(() => checkpoints(observed).length === 1);
    assert.deepEqual(got(observed), [[{ a: 1 }, "plain"]]);
  });

  it("fails a batch with one body that is not JSON before the function sees it, and checkpoints it", async () => {
    await send("0", '{"a":1}', "plain");
    const observed = await open({ cardinality: "many" });
    await observed.until(() => checkpoints(observed).length === 1);
    await send("0", '{"b":2}');
    await observed.until(() => checkpoints(observed).length === 2);
    assert.deepEqual(got(observed), [[{ b: 2 }]]);
    const failed = observed.events.find((event) => event.kind === "invocation-finished");
    assert.match(String(failed?.kind === "invocation-finished" && failed.error), /event 1 can't be converted/);
  });

  it("fails a batch with a body that is not AMQP data, as the real host does", async () => {
    const observed = await open(MANY);
    const bodies = [
      { body: Buffer.from("bytes"), bodyType: "value" },
      { body: "text", bodyType: "value" },
      { body: [1, "two"], bodyType: "sequence" },
    ];
    for (const [i, body] of bodies.entries()) {
      await producer.sendBatch([body as EventData], { partitionId: "0" });
      await observed.until(() => checkpoints(observed).length === i + 1);
    }
    assert.deepEqual(got(observed), []);
  });

  it("checkpoints a batch whose function threw", async () => {
    await send("0", "fail");
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 1);
    await observed.host.stop();
    const again = await open(MANY);
    await send("0", "next");
    await again.until(() => checkpoints(again).length === 1);
    assert.deepEqual(got(again), [["next"]]);
    assert.equal(observed.host.status().find(({ partition }) => partition === "0")?.failures, 1);
  });

  it("retries as the function's policy says, with the last error in the retry context", async () => {
    await send("0", "fail2");
    const retry = { strategy: "fixedDelay", maxRetryCount: 3, delayInterval: 0 };
    const observed = await open({ ...MANY, retry });
    await observed.until(() => checkpoints(observed).length === 1);
    const contexts = calls(observed).map(({ retry: context }) => [context?.retryCount, context?.exception?.message]);
    assert.deepEqual(contexts, [
      [undefined, undefined],
      [1, "told to fail"],
      [2, "told to fail"],
    ]);
    const row = observed.host.status().find(({ partition }) => partition === "0");
    assert.deepEqual([row?.invocations, row?.failures], [1, 0]);
  });

  it("gives up after the last retry, checkpoints and goes on", async () => {
    await send("0", "fail");
    const observed = await open({ ...MANY, retry: { strategy: "fixedDelay", maxRetryCount: 2, delayInterval: 0 } });
    await observed.until(() => checkpoints(observed).length === 1);
    assert.equal(calls(observed).length, 3);
    assert.equal(observed.host.status().find(({ partition }) => partition === "0")?.failures, 1);
  });

  it("gives a failed batch up at once and checkpoints it when retries are off", async () => {
    await send("0", "fail");
    const retry = { strategy: "fixedDelay", maxRetryCount: -1, delayInterval: 0 };
    const observed = await open({ ...MANY, retry }, { host: { retries: false } });
    await observed.until(() => checkpoints(observed).length === 1);
    assert.equal(calls(observed).length, 1);
  });

  it("goes on behind the batch of a worker that was killed, as the real host does", async () => {
    await send("0", "die");
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 1);
    await send("0", "next");
    await observed.until(() => checkpoints(observed).length === 2);
    assert.deepEqual(got(observed), [["die"], ["next"]]);
    const [first, second] = calls(observed);
    assert.notEqual(first?.pid, second?.pid);
  });

  it("gives the batch to the next worker when the function retries", async () => {
    await send("0", "slow");
    const observed = await open({ ...MANY, retry: { strategy: "fixedDelay", maxRetryCount: 1, delayInterval: 0 } });
    await observed.until(() => calls(observed).length === 1);
    observed.host.killWorker("SIGKILL");
    await observed.until(() => checkpoints(observed).length === 1);
    assert.deepEqual(got(observed), [["slow"], ["slow"]]);
    assert.match(calls(observed)[1]?.retry?.exception?.message ?? "", /worker process ended: SIGKILL/);
  });

  it("delivers the batch again from its checkpoint when a lost worker stands for a lost instance", async () => {
    await send("0", "before");
    const observed = await open(MANY, { host: { onWorkerDeath: "redeliver" } });
    await observed.until(() => checkpoints(observed).length === 1);
    await send("0", "slow");
    await observed.until(() => got(observed).length === 2);
    await send("0", "next");
    observed.host.killWorker("SIGKILL");
    await observed.until(() => checkpoints(observed).at(-1) === 2);
    assert.deepEqual(got(observed).flat(), ["before", "slow", "slow", "next"]);
  });

  it("runs partitions side by side, each one batch at a time", async () => {
    await send("0", "slow", "a");
    await send("1", "slow", "b");
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 2);
    await send("0", "c");
    await observed.until(() => checkpoints(observed).length === 3);
    const open1 = { "0": 0, "1": 0 } as Record<string, number>;
    let together = 0;
    for (const event of observed.events) {
      if (event.kind === "invocation-started") open1[event.partition ?? ""] = (open1[event.partition ?? ""] ?? 0) + 1;
      if (event.kind === "invocation-finished") open1[event.partition ?? ""] = (open1[event.partition ?? ""] ?? 0) - 1;
      assert.ok(Object.values(open1).every((count) => count <= 1));
      together = Math.max(together, (open1["0"] ?? 0) + (open1["1"] ?? 0));
    }
    assert.equal(together, 2);
  });

  it("waits for what runs when it stops, and checkpoints none of it", async () => {
    await send("0", "slow");
    const observed = await open(MANY);
    await observed.until(() => calls(observed).length === 1);
    await observed.host.stop();
    assert.deepEqual((observed.said() as Said[]).at(-1)?.done, ["slow"]);
    assert.deepEqual(checkpoints(observed), []);
    assert.ok(!observed.events.some(({ kind }) => kind === "worker-died"));
  });

  it("goes on after a restart with another worker", async () => {
    await send("0", "a");
    const observed = await open(MANY);
    await observed.until(() => checkpoints(observed).length === 1);
    await observed.host.restart();
    await send("0", "b");
    await observed.until(() => checkpoints(observed).length === 2);
    assert.deepEqual(got(observed), [["a"], ["b"]]);
    assert.notEqual(calls(observed)[0]?.pid, calls(observed)[1]?.pid);
  });

  it("takes its partitions back at once after it was killed", async () => {
    const container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(
      "azure-webjobs-eventhub",
    );
    const { fullyQualifiedNamespace } = producer;
    const left = ["0", "1"].map((partitionId) => ({
      ...{ fullyQualifiedNamespace, eventHubName: hub, consumerGroup: "readers" },
      ...{ ownerId: "killed", partitionId },
    }));
    await container.createIfNotExists();
    await new BlobCheckpointStore(container).claimOwnership(left);
    await send("0", "a");
    const observed = await open(MANY, { host: { instanceId: "killed" } });
    await observed.until(() => checkpoints(observed).length === 1);
  });

  it("warns of functions that share a consumer group", async () => {
    const trigger = { connection: "Hub", eventHubName: hub, consumerGroup: "readers", handler: "x" };
    const options = JSON.stringify(trigger).replace('"x"', "() => {}");
    const source = `import { app } from "@azure/functions";
      app.eventHub("one", ${options}); app.eventHub("two", ${options});`;
    app = await writeApp({ "main.ts": source }, HOST_JSON);
    const observed = await open({});
    const warning = observed.logs.find(({ level }) => level === "warning");
    assert.match(warning?.message ?? "", new RegExp(`Functions one, two share the consumer group ${hub}/readers`));
  });

  it("shares the partitions with another host of the same group, and takes them over when that stops", async () => {
    const first = await open(MANY, { host: { instanceId: "first" } });
    const opened = (observed: ObservedHost) => observed.events.filter(({ kind }) => kind === "partition-opened").length;
    await first.until(() => opened(first) === 2);
    const second = await open(MANY, { host: { instanceId: "second" } });
    await second.until(() => opened(second) === 1);
    await first.until(() => first.events.some(({ kind }) => kind === "partition-closed"));
    await send("0", "to zero");
    await send("1", "to one");
    await first.until(() => got(first).length === 1);
    await second.until(() => got(second).length === 1);
    assert.deepEqual([...got(first), ...got(second)].flat().sort(), ["to one", "to zero"]);

    await first.host.stop();
    await second.until(() => opened(second) === 2);
    await send("0", "again");
    await send("1", "again");
    await second.until(() => got(second).length === 3);
  });

  it("tries a batch no more once another host has its partition", async () => {
    const failing = { ...MANY, retry: { strategy: "fixedDelay", maxRetryCount: -1, delayInterval: 100 } };
    const first = await open(failing, { host: { instanceId: "first" } });
    await send("0", "fail");
    await send("1", "fail");
    const tries = ({ events }: ObservedHost, partition: string) =>
      events.filter((event) => event.kind === "invocation-started" && event.partition === partition).length;
    await first.until(() => tries(first, "0") > 1 && tries(first, "1") > 1);
    const second = await open(failing, { host: { instanceId: "second" } });
    const lost = () => first.events.find((event) => event.kind === "partition-closed");
    await first.until(() => lost() !== undefined);
    const closed = lost();
    assert.equal(closed?.kind === "partition-closed" && closed.reason, "OwnershipLost");
    const partition = closed?.kind === "partition-closed" ? closed.partition : "";
    const [before, elsewhere] = [tries(first, partition), tries(second, partition)];
    await second.until(() => tries(second, partition) > elsewhere + 5);
    assert.ok(tries(first, partition) <= before + 1, "an attempt may have begun at that moment");
  });
});
