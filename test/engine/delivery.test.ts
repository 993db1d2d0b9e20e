import assert from "node:assert/strict";
import { test } from "node:test";
import { type CheckpointStore, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import type { Sink } from "../../lib/engine/sink.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task } from "../../lib/engine/task.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { onePartition, SIGNAL } from "../support/one-partition.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());
const values = (driver: ReturnType<typeof testDriver>) => driver.results<Reading>().map((r) => r.value);

test("what was committed and not delivered is delivered after a crash, before anything newer", async () => {
  const driver = testDriver(plain());
  driver.sinksAway = true;
  await assert.rejects(driver.send(reading(1, 1)), { code: "UNAVAILABLE", retryable: true });
  driver.restart();
  driver.sinksAway = false;
  await driver.send(reading(2, 2));
  assert.deepEqual(values(driver), [1, 2]);
});

test("a frame with more results than a call takes arguments is delivered whole and in order, also after a crash", async () => {
  const RESULTS = 200_000;
  const many = readings()
    .flatMap("many", (r) => Array.from({ length: RESULTS }, (_, value) => ({ ...r, value })))
    .to(anySink<Reading>());
  const driver = testDriver(many);
  driver.sinksAway = true;
  await assert.rejects(driver.send(reading(1)), { code: "UNAVAILABLE" });
  driver.restart();
  driver.sinksAway = false;
  await driver.task.wake(new AbortController().signal);
  assert.equal(driver.results().length, RESULTS);
  assert.ok(values(driver).every((value, i) => value === i));
});

test("a partition whose sink does not answer holds up no other", async () => {
  const answer = Promise.withResolvers<void>();
  const { sink, values: received } = captureSink<Reading>("out", { kind: "memory", name: "out" });
  const slow: Sink<Reading> = {
    ...sink,
    open: async (context) => {
      const task = await sink.open(context);
      const deliver: typeof task.deliver = async (messages, stamp, signal) => {
        if (context.partition === "0") await answer.promise;
        return task.deliver(messages, stamp, signal);
      };
      return { ...task, deliver };
    },
  };
  const world = new VirtualWorld(Date.parse("2030-01-01"));
  const hub = new MemoryHub(2, world.now());
  const { plan } = plain();
  const shared = {
    world,
    checkpoints: createCheckpointStore({ blobs: memoryBlobs(), world }),
    connections: NO_CONNECTIONS,
    sideOutput: captureSink<SideRecord>("$side", { kind: "memory", name: "side" }).sink,
    tables: new TableCache(world, NO_CONNECTIONS),
    from: "earliest",
    onLoss: "stop",
  } as const;
  const handled = [0, 1].map((partition) => {
    const pipeline = { name: plan.name, plan: { ...plan, sinks: [slow] } };
    const task = new Task(pipeline, { ...shared, partition: String(partition), reader: hub.reader(partition) });
    const body = Buffer.from(JSON.stringify(reading(1, partition)));
    const event = hub.publish(partition, { body, enqueuedTime: world.now() });
    return task.handle([event], new AbortController().signal);
  });
  await handled[1];
  assert.deepEqual(
    received.map(({ value }) => value),
    [1],
  );
  answer.resolve();
  await handled[0];
  assert.equal(received.length, 2);
});

test("what a service will never take is committed as a dead letter, once, and the rest is delivered", async () => {
  const { plan } = plain();
  const driver = testDriver({ name: plan.name, plan });
  driver.refuse = (value) => ((value as Reading).value === 2 ? "too large" : undefined);
  driver.publish(reading(1, 1));
  driver.publish(reading(2, 2));
  driver.publish(reading(3, 3));
  await driver.run();
  driver.restart();
  await driver.send(reading(4, 4));
  assert.deepEqual(values(driver), [1, 3, 4]);
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.deepEqual([record?.stage, record?.reason], ["out", 'refused by sink "out": too large']);
  assert.equal(JSON.parse(Buffer.from(record?.body ?? "").toString()).value, 2);
});

test("while a sink is away nothing newer is committed, and the same batch again commits nothing twice", async () => {
  const driver = testDriver(plain());
  driver.sinksAway = true;
  for (let attempt = 0; attempt < 3; attempt++) {
    driver.rewind(0);
    await assert.rejects(driver.send(reading(attempt, attempt)), { code: "UNAVAILABLE" });
  }
  assert.equal((await driver.status())?.position, 1);
  driver.sinksAway = false;
  await driver.send(reading(3, 3));
  assert.deepEqual(values(driver), [0, 1, 2, 3]);
});

test("where one of several sinks cannot be opened, the others are closed, however often it is tried", async () => {
  const { open, send, checkpoints } = onePartition();
  let opened = 0;
  const countedLogs: CheckpointStore = {
    ...checkpoints,
    open: async (...args) => {
      opened++;
      const log = await checkpoints.open(...args);
      const close = log.close.bind(log);
      log.close = () => {
        opened--;
        return close();
      };
      return log;
    },
  };
  const sink = memorySink<Reading>();
  const counted: Sink<Reading> = {
    ...sink,
    name: "counted",
    open: async (context) => {
      opened++;
      const task = await sink.open(context);
      return {
        ...task,
        close: async () => {
          opened--;
        },
      };
    },
  };
  const task = open(readings().to(counted, anySink<Reading>("broken")), { checkpoints: countedLogs });
  send(reading(1));
  for (let i = 0; i < 3; i++) await assert.rejects(task.catchUp(SIGNAL), /only a test driver/);
  assert.equal(opened, 0);
});

test("a delivery that fails at one sink is over when it has come to its end at all", async () => {
  const { open, send } = onePartition();
  const answer = Promise.withResolvers<void>();
  const memory = memorySink<Reading>("slow");
  const slow: Sink<Reading> = {
    ...memory,
    open: async (context) => {
      const task = await memory.open(context);
      const deliver: typeof task.deliver = async (...delivery) => {
        await answer.promise;
        return task.deliver(...delivery);
      };
      return { ...task, prepare: (value) => value, accept: (value) => value, deliver };
    },
  };
  const away = captureSink<Reading>("away", { kind: "memory", name: "away" }, () => true);
  send(reading(1));
  let over = false;
  const failing = open(readings().to(away.sink, slow))
    .catchUp(SIGNAL)
    .finally(() => {
      over = true;
    });
  failing.catch(() => undefined);
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
  assert.equal(over, false);
  answer.resolve();
  await assert.rejects(failing, { code: "UNAVAILABLE" });
  assert.equal(memory.values.length, 1);
});

test("a sink is told how many tasks its pipeline has", async () => {
  const { hub, open } = onePartition();
  hub.addPartitions(3);
  const told: number[] = [];
  const memory = memorySink<Reading>();
  const sink: Sink<Reading> = {
    ...memory,
    open: (context) => {
      told.push(context.tasks);
      return memory.open(context);
    },
  };
  await open(readings().to(sink)).catchUp(SIGNAL);
  assert.deepEqual(told, [4]);
});
