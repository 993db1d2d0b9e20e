import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { InvocationContext } from "@azure/functions";
import type { DequeuedMessageItem, QueueClient } from "@azure/storage-queue";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { openCheckpoints } from "../../lib/azure/checkpoints.ts";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { handle } from "../../lib/azure/handle.ts";
import { describeApp } from "../../lib/azure/registry.ts";
import { type RunnableFunction, Runtime } from "../../lib/azure/runtime.ts";
import { needsOf, readSettings } from "../../lib/azure/settings.ts";
import { formatWakeUp, readWakeUp } from "../../lib/azure/wake-up.ts";
import { sweep, wakeUps } from "../../lib/azure/wake-ups.ts";
import { realWorld } from "../../lib/azure/world.ts";
import type { CheckpointStore, LogStatus } from "../../lib/checkpoint/checkpoint-log.ts";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";

const PARTITIONS = 16;
const HUB = "visits";
const QUEUE = "tidemark-wake-ups";
/** Event time has nothing to do with the clock. */
const START = Date.UTC(2001, 0, 1);
/** A window closes when the hub has been silent for as long: its only event is at its beginning. */
const WINDOW = 2_000;

const pipelineOf = (name: string, options: { outOfOrder: 0; idle?: "500ms" }) =>
  stream(name, z.object({ at: z.number(), place: z.string() }))
    .eventTime((visit) => visit.at, options)
    .keyBy((visit) => visit.place)
    .window(tumbling(WINDOW))
    .aggregate("stats", { visits: count() })
    .map("document", ({ key: place, ...stats }) => ({ id: stats.windowStart, place, ...stats }))
    .to(cosmos({ databaseName: "test", containerName: name, partitionKey: "/place" }));
const visits = pipelineOf("visits", { outOfOrder: 0, idle: "500ms" });
const patient = pipelineOf("patient", { outOfOrder: 0 });

handle(visits, { eventHubName: HUB, partitions: PARTITIONS });
handle(patient, { eventHubName: HUB, partitions: PARTITIONS });
const queueTrigger = wakeUps();
const timer = sweep({ every: "5m" });
const [description, patientDescription] = describeApp().functions;
assert.ok(description && patientDescription);
const RUNNABLE = { from: "earliest", onLoss: "stop", commitEvery: 0 } as const;
const VISITS: RunnableFunction = { ...RUNNABLE, pipeline: visits, description };
const PATIENT: RunnableFunction = { ...RUNNABLE, pipeline: patient, description: patientDescription };

/** As in production, only quicker. */
const TIMING = { patience: 400, restAfter: 150, headStart: 300, shift: 20_000 };

describe("waking tasks, on the local services", () => {
  let hub: HubServer;
  let database: CosmosServer;
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let connections: AzureConnections;
  let environment: Record<string, string>;
  let logs: CheckpointStore;
  let queue: QueueClient;
  const runtimes: Runtime[] = [];
  let nextPartition = 0;

  before(async () => {
    hub = await startHubServer({
      port: 0,
      hubs: [{ name: HUB, partitions: PARTITIONS, consumerGroups: ["visits-repair", "patient-repair"] }],
    });
    database = await startCosmosServer({ port: 0 });
    for (const name of ["visits", "patient"]) database.ensureContainer("test", name, ["/place"]);
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    environment = {
      EventHubConnection: hub.connectionString,
      CosmosConnection: database.connectionString,
      TidemarkStorage: storage.connectionString,
    };
    connections = new AzureConnections(readSettings(needsOf(describeApp()), environment));
    logs = await openCheckpoints(connections, "TidemarkStorage", realWorld);
    queue = (await connections.queues("TidemarkStorage")).getQueueClient(QUEUE);
  });
  after(async () => {
    await Promise.all(runtimes.map((one) => one.drain(1_000)));
    await connections?.close();
    await Promise.all([hub?.stop(), database?.stop(), storage?.stop()]);
  });

  /** A process of the app; it knows one function unless another is given. */
  function start(fn: RunnableFunction = VISITS, timing = TIMING): Runtime {
    const one = new Runtime(environment, realWorld, timing);
    one.add(fn);
    runtimes.push(one);
    return one;
  }

  /** A partition that no other test uses. */
  const partition = () => String(nextPartition++);

  /** Publishes a visit at so many milliseconds, and gives what a trigger would hand over. */
  async function publish(target: string, sequence: number, at = 0): Promise<[Buffer[], InvocationContext]> {
    const body = { at: START + at, place: `p${target}` };
    const producer = await connections.eventHubProducer("EventHubConnection", HUB);
    await producer.sendBatch([{ body }], { partitionId: target });
    const context = new InvocationContext({
      functionName: "visits",
      triggerMetadata: {
        partitionContext: { partitionId: target, eventHubName: HUB, consumerGroup: "visits" },
        propertiesArray: [{}],
        systemPropertiesArray: [
          { sequenceNumber: sequence, partitionKey: null, enqueuedTimeUtc: new Date().toISOString() },
        ],
      },
      logHandler: () => {},
    });
    return [[Buffer.from(JSON.stringify(body))], context];
  }

  async function documents(target: string, pipeline = "visits"): Promise<number[]> {
    const container = (await connections.cosmos("CosmosConnection")).database("test").container(pipeline);
    const query = { query: "SELECT * FROM c WHERE c.place = @p", parameters: [{ name: "@p", value: `p${target}` }] };
    const { resources } = await container.items.query<{ windowStart: string; visits: number }>(query).fetchAll();
    resources.sort((a, b) => a.windowStart.localeCompare(b.windowStart));
    return resources.map((document) => document.visits);
  }

  const statusOf = async (target: string, pipeline = "visits"): Promise<LogStatus> => {
    const status = await logs.peek({ pipeline, partition: target });
    assert.ok(status, `partition ${target} has no log`);
    return status;
  };

  /** Takes the messages of a partition from the queue as the host would; the others stay. */
  async function messages(target: string, withinMs: number): Promise<DequeuedMessageItem[]> {
    const end = Date.now() + withinMs;
    while (Date.now() < end) {
      const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 1 });
      const found = receivedMessageItems.filter((one) => entryOf(one)?.partition === target);
      if (found.length > 0) {
        for (const { messageId, popReceipt } of found) await queue.deleteMessage(messageId, popReceipt);
        return found;
      }
      await sleep(100);
    }
    return [];
  }

  it("closes a window without an event and without an owner, by a message", async () => {
    const target = partition();
    const owner = start();
    await owner.handle(VISITS, ...(await publish(target, 0)));
    await owner.drain(1_000);
    assert.deepEqual(await documents(target), []);
    const [message] = await messages(target, 8_000);
    assert.ok(message, "no message came");
    const other = start();
    await other.wake(entryOf(message), quiet);
    assert.deepEqual(await documents(target), [1]);
    assert.equal((await statusOf(target)).pendingFrames, 0, "what was delivered is confirmed");
  });

  it("takes a message twice, at the same time and again later, as one", async () => {
    const target = partition();
    const owner = start();
    await owner.handle(VISITS, ...(await publish(target, 0)));
    await owner.drain(1_000);
    await sleep(WINDOW + 100);
    const [first, second] = [start(), start()];
    const wakeUp = { function: "visits", partition: target, position: 1 };
    await Promise.all([first.wake(wakeUp, quiet), second.wake(wakeUp, quiet), first.wake(wakeUp, quiet)]);
    assert.deepEqual(await documents(target), [1]);
    const { sequence } = await statusOf(target);
    await first.wake(wakeUp, quiet);
    await second.wake(wakeUp, quiet);
    assert.equal((await statusOf(target)).sequence, sequence, "nothing was left to do, so nothing was written");
  });

  it("does without messages: the sweep finds what is due, and nothing before", async () => {
    const target = partition();
    const owner = start();
    await owner.handle(VISITS, ...(await publish(target, 0)));
    await owner.drain(1_000);
    const other = start();
    await other.sweep(quiet);
    assert.deepEqual(await documents(target), []);
    await sleep(WINDOW);
    await other.sweep(quiet);
    assert.deepEqual(await documents(target), [1]);
  });

  it("asks again when a message comes too early, once for any number of them", async () => {
    const target = partition();
    const owner = start();
    await owner.handle(VISITS, ...(await publish(target, 0)));
    await owner.drain(1_000);
    const wakeUp = { function: "visits", partition: target, position: 1 };
    const { sequence } = await statusOf(target);
    const other = start();
    await Promise.all([other.wake(wakeUp, quiet), other.wake(wakeUp, quiet)]);
    await other.wake(wakeUp, quiet);
    assert.equal((await statusOf(target)).sequence, sequence, "looking takes nothing over");
    await sleep(WINDOW + TIMING.headStart + 1_000);
    const found = await messages(target, 2_000);
    assert.equal(found.length, 2, "the owner's message and one more");
  });

  it("lets the owner close its windows itself while it lives", async () => {
    const target = partition();
    const owner = start();
    await owner.handle(VISITS, ...(await publish(target, 0)));
    const { generation } = await statusOf(target);
    await until(async () => (await documents(target)).length === 1);
    await until(async () => (await statusOf(target)).pendingFrames === 0);
    const status = await statusOf(target);
    const [message] = await messages(target, 5_000);
    await start().wake(entryOf(message as DequeuedMessageItem), quiet);
    assert.deepEqual([(await statusOf(target)).sequence, status.generation], [status.sequence, generation]);
  });

  it("lets the owner confirm its last delivery, so that nobody takes over for that", async () => {
    const target = partition();
    const owner = start(PATIENT);
    await owner.handle(PATIENT, ...(await publish(target, 0)));
    await owner.handle(PATIENT, ...(await publish(target, 1, WINDOW)));
    await until(async () => (await statusOf(target, "patient")).pendingFrames === 0);
    await start(PATIENT).sweep(quiet);
    assert.deepEqual(await documents(target, "patient"), [1]);
    assert.equal((await statusOf(target, "patient")).sequence, 4, "a fence, two batches, and that all was delivered");
  });

  it("takes up anew what another process has carried on meanwhile", async () => {
    const target = partition();
    const [first, second] = [start(), start()];
    await first.handle(VISITS, ...(await publish(target, 0)));
    await second.handle(VISITS, ...(await publish(target, 1)));
    await second.drain(1_000);
    await sleep(WINDOW + 100);
    await first.wake({ function: "visits", partition: target, position: 1 }, quiet);
    assert.deepEqual(await documents(target), [2]);
  });

  it("does not disturb a busy owner, by messages nor by sweeps", async () => {
    const target = partition();
    const owner = start(PATIENT);
    const other = start(PATIENT, { ...TIMING, patience: 1_000 });
    const commits = 24;
    let working = true;
    let disturbances = 0;
    const disturb = async (how: () => Promise<void>) => {
      for (; working; disturbances++) await how();
    };
    const disturbing = Promise.all([
      disturb(() => other.wake({ function: "patient", partition: target, position: 0 }, quiet)),
      disturb(() => other.sweep(quiet)),
    ]);
    for (let i = 0; i < commits; i++) {
      // There are events that are not committed whenever anybody looks.
      const batch = await publish(target, i, i);
      await sleep(100);
      await owner.handle(PATIENT, ...batch);
    }
    working = false;
    await disturbing;
    assert.ok(disturbances > 1);
    // No window has closed, so a fence and one frame for each batch is all that there may be.
    assert.equal((await statusOf(target, "patient")).sequence, 1 + commits);
  });

  it("reads what the host skipped where no event follows, also on a partition that has no log yet", async () => {
    const [skipped, fresh] = [partition(), partition()];
    const owner = start();
    await owner.handle(VISITS, ...(await publish(skipped, 0)));
    await owner.drain(1_000);
    for (let i = 1; i < 4; i++) await publish(skipped, i, i);
    await publish(fresh, 0);
    const other = start();
    await other.sweep(quiet);
    assert.equal((await statusOf(skipped)).position, 4);
    assert.equal((await statusOf(fresh)).position, 1);
    await sleep(WINDOW + 100);
    await other.sweep(quiet);
    assert.deepEqual([await documents(skipped), await documents(fresh)], [[4], [1]]);
  });

  it("tells all that a sweep could not do, after it tried everything", async () => {
    const [bad, good] = [partition(), partition()];
    await publish(good, 0);
    const broken: RunnableFunction = { ...VISITS, description: { ...VISITS.description, name: "x", hub: "nowhere" } };
    const other = start();
    other.add({ ...broken, description: { ...broken.description, partitions: 1 } });
    await assert.rejects(other.sweep(quiet), { code: "UNAVAILABLE", message: /x\/0: / });
    assert.equal((await statusOf(good)).position, 1);
    assert.equal(await logs.peek({ pipeline: "visits", partition: bad }), undefined, "an empty partition needs no log");
  });

  it("commits what waits when its time has come and no batch follows, and when the app ends", async () => {
    const target = partition();
    const gathering = { ...VISITS, commitEvery: 600 };
    const owner = start(gathering);
    await owner.handle(gathering, ...(await publish(target, 0)));
    await owner.handle(gathering, ...(await publish(target, 1, 1)));
    assert.equal((await statusOf(target)).position, 0, "the fence alone");
    await until(async () => (await statusOf(target)).position === 2);
    await owner.handle(gathering, ...(await publish(target, 2, 2)));
    await owner.drain(1_000);
    const { position } = await statusOf(target);
    assert.equal(position, 3);
  });

  it("costs next to nothing where nothing happens", async () => {
    // All partitions, those with a log and those without: no window is open and no event waits.
    await sleep(WINDOW + 100);
    await start().sweep(quiet);
    const other = start();
    const cold = await storageRequests(() => other.sweep(quiet));
    const warm = await storageRequests(() => other.sweep(quiet));
    const withLog = (
      await Promise.all(
        Array.from({ length: PARTITIONS }, (_, i) => logs.peek({ pipeline: "visits", partition: String(i) })),
      )
    ).filter((status) => status !== undefined).length;
    assert.ok(withLog >= 6);
    // One to make sure of the container, a listing for each partition, and the newest frame where there is one.
    assert.equal(cold, 1 + PARTITIONS + withLog);
    assert.equal(warm, 0, "the hub has not moved");
  });

  it("says what it was given when a message is not for this app, and is done with it", async () => {
    const said: string[] = [];
    const log = { debug: () => {}, warn: (...parts: unknown[]) => void said.push(parts.join(" ")) };
    const one = start();
    for (const entry of ["nonsense", { function: "other", partition: "0" }, { function: "visits", partition: "99" }]) {
      await one.wake(entry, log);
    }
    assert.equal(said.length, 3);
    assert.match(said.join("\n"), /"nonsense"(.|\n)*"other"(.|\n)*"99"/);
  });

  /** How many requests this process sends to storage meanwhile. */
  async function storageRequests(work: () => Promise<void>): Promise<number> {
    const port = new RegExp(`:${storage.ports.blob}|:${storage.ports.queue}`);
    let requests = 0;
    const count = (message: unknown) => {
      const { request } = message as { request: { getHeader(name: string): unknown } };
      if (port.test(String(request.getHeader("host")))) requests++;
    };
    subscribe("http.client.request.start", count);
    try {
      await work();
    } finally {
      unsubscribe("http.client.request.start", count);
    }
    return requests;
  }
});

describe("the functions that wake", () => {
  it("are declared with their queue and schedule", () => {
    const { queues, timers } = describeApp();
    const withoutPlace = [...queues, ...timers].map(({ place, ...rest }) => {
      assert.match(place, /^(wakeUps|sweep)\(…\) at test\/azure\/wake-ups\.test\.ts:\d+$/);
      return rest;
    });
    assert.deepEqual(withoutPlace, [
      { name: QUEUE, connection: "TidemarkStorage", purpose: "wake-ups" },
      { purpose: "sweep", schedule: "0 */5 * * * *" },
    ]);
    assert.deepEqual(
      [queueTrigger.queueName, queueTrigger.connection, timer.schedule, timer.runOnStartup],
      [QUEUE, "TidemarkStorage", "0 */5 * * * *", true],
    );
  });

  it("are there once, and come at times that a schedule can say", () => {
    assert.throws(() => wakeUps({ queueName: "other" }), {
      code: "PLAN_INVALID",
      message: /two functions for wake-ups/,
    });
    assert.throws(() => sweep(), { code: "PLAN_INVALID", message: /two functions for sweeps/ });
    for (const every of ["7m", "0s", "90s", "25h", 1_500] as const) {
      assert.throws(() => sweep({ every }), { code: "PLAN_INVALID", message: /cannot come every/ }, String(every));
    }
  });

  it("need the setting of their queue", () => {
    const settings = { EventHubConnection__fullyQualifiedNamespace: "n.servicebus.windows.net" };
    const storage = "https://s.blob.core.windows.net";
    const account = "https://c.documents.azure.com";
    const all = { ...settings, TidemarkStorage__blobServiceUri: storage, CosmosConnection__accountEndpoint: account };
    assert.throws(() => readSettings(needsOf(describeApp()), all), {
      code: "CONFIGURATION",
      message: /the queue of wake-ups needs it(.|\n)*TidemarkStorage__queueServiceUri/,
    });
    readSettings(needsOf(describeApp()), {
      ...all,
      TidemarkStorage__queueServiceUri: "https://s.queue.core.windows.net",
    });
  });
});

const quiet = { debug: () => {}, warn: (...parts: unknown[]) => assert.fail(parts.join(" ")) };

function entryOf(message: DequeuedMessageItem) {
  const entry = readWakeUp(Buffer.from(message.messageText, "base64"));
  assert.ok(entry === undefined || formatWakeUp(entry) === message.messageText);
  return entry;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 8_000; !(await condition()); await sleep(50)) {
    assert.ok(Date.now() < end, "it did not happen within eight seconds");
  }
}
