import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HubEvent, World } from "../../lib/engine/ports.ts";
import type { Task } from "../../lib/engine/task.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());
const toMemory = () => readings().to(memorySink<Reading>());
const values = (driver: ReturnType<typeof testDriver>) => driver.results<Reading>().map((r) => r.value);

test("what the trigger left out is read from the hub before newer events", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  driver.publish(reading(2, 2));
  driver.publish(reading(3, 3));
  driver.skip(2);
  await driver.send(reading(4, 4));
  assert.deepEqual(values(driver), [1, 2, 3, 4]);
});

test("what the trigger gives twice is processed once", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  await driver.send(reading(2, 2));
  driver.rewind(0);
  await driver.send(reading(3, 3));
  assert.deepEqual(values(driver), [1, 2, 3]);
});

test("a gap that retention has eaten stops the task by default, with the exact range", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  driver.publish(reading(2, 2));
  driver.publish(reading(3, 3));
  driver.skip(2);
  driver.hub.expire(0, 3);
  await assert.rejects(driver.send(reading(4, 4)), { code: "EVENTS_LOST", message: /sequence numbers 1 to 2/ });
  assert.deepEqual(values(driver), [1]);
});

test("told to continue, it records the range as a dead letter and in the ledger", async () => {
  const driver = testDriver(plain(), { onLoss: "continue" });
  await driver.send(reading(1, 1));
  driver.publish(reading(2, 2));
  driver.publish(reading(3, 3));
  driver.skip(2);
  driver.hub.expire(0, 2);
  await driver.send(reading(4, 4));
  assert.deepEqual(values(driver), [1, 3, 4]);
  const [record] = driver.deadLetters();
  assert.deepEqual(record?.properties, { from: 1, to: 1 });
  assert.equal((await driver.ledger())?.source.lost, 1);
});

test("a hub created anew under the same name is not mistaken for the old one", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  driver.restart();
  driver.hub.created += 60_000;
  await assert.rejects(driver.send(reading(2, 2)), { code: "HUB_RECREATED" });
});

test("nor is a hub taken for another one that does not know yet of the newest events that it gave", async () => {
  const { hub, open, send, checkpoints } = onePartition();
  const reader = hub.reader(0);
  let behind = 0;
  const bounds = async () => {
    const known = await reader.bounds();
    return { ...known, next: known.next - behind };
  };
  const task = open(toMemory(), { reader: { ...reader, bounds } });
  send(reading(1), reading(2));
  await task.handle(hub.from(0, 0), SIGNAL);
  behind = 1;
  await task.wake(SIGNAL);
  assert.equal((await checkpoints.peek(task.id))?.position, 2);
});

test("nor are its events taken for duplicates by a task that was open all the time", async () => {
  const driver = testDriver(plain());
  for (let value = 0; value < 5; value++) await driver.send(reading(value, value));
  driver.world.moveTo(driver.world.now() + 60_000);
  driver.hub.recreate(driver.world.now());
  driver.rewind(0);
  for (let i = 0; i < 3; i++) await assert.rejects(driver.send(reading(9, 9)), { code: "HUB_RECREATED" });
  assert.deepEqual(values(driver), [0, 1, 2, 3, 4]);
});

test("nor are they taken for the ones that follow, where the trigger goes on at the task's position", async () => {
  const driver = testDriver(plain());
  for (let value = 0; value < 5; value++) await driver.send(reading(value, value));
  driver.world.moveTo(driver.world.now() + 60_000);
  driver.hub.recreate(driver.world.now());
  for (let value = 10; value < 15; value++) driver.publish(reading(value, value));
  await assert.rejects(driver.send(reading(15, 15)), { code: "HUB_RECREATED" });
  assert.deepEqual(values(driver), [0, 1, 2, 3, 4]);
});

test("a gap is read in chunks, and each of them commits", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(0, 0));
  for (let value = 1; value <= 5_000; value++) driver.publish(reading(value, value));
  driver.skip(5_000);
  const before = (await driver.status())?.sequence ?? 0;
  await driver.send(reading(5_001, 5_001));
  assert.equal(driver.results().length, 5_002);
  assert.equal(((await driver.status())?.sequence ?? 0) - before, 4, "three chunks, and the batch");
});

test("holes that the hub never filled are counted and do no harm", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  driver.hub.leaveOut(0, 3);
  await driver.send(reading(2, 2));
  assert.deepEqual(values(driver), [1, 2]);
  const { source } = (await driver.ledger()) ?? {};
  assert.deepEqual(source, { start: 0, processed: 2, lost: 0, holes: 3, control: 0 });
});

test("whatever the trigger skips, repeats and loses in crashes, every event is processed once and in order", async () => {
  const step = fc.record({
    publish: fc.integer({ min: 0, max: 4 }),
    action: fc.constantFrom("run", "skip", "crash", "rewind"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const driver = testDriver(plain());
      let published = 0;
      for (const { publish, action } of steps) {
        for (let i = 0; i < publish; i++) driver.publish(reading(published, published++));
        if (action === "skip") driver.skip(publish);
        else if (action === "rewind") driver.rewind(Math.max(0, published - 3));
        else if (action === "crash") driver.restart();
        else await driver.run();
      }
      await driver.send(reading(published, published++));
      assert.deepEqual(
        values(driver),
        Array.from({ length: published }, (_, i) => i),
      );
    }),
    { numRuns: 200 },
  );
});

test("an owner that was fenced lets the new one go on, and returns when its batch is done", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  const zombie: Task = driver.task;
  driver.restart();
  await driver.send(reading(2, 2));
  await zombie.handle(driver.hub.from(0, 1), new AbortController().signal);
  assert.deepEqual(values(driver), [1, 2]);
  await driver.send(reading(3, 3));
  assert.deepEqual(values(driver), [1, 2, 3]);
});

test("an owner that was fenced takes over when the new one has stopped", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  const zombie: Task = driver.task;
  driver.restart();
  await driver.send(reading(2, 2));
  driver.publish(reading(3, 3));
  const before = driver.world.now();
  await zombie.handle(driver.hub.from(0, 2), new AbortController().signal);
  assert.deepEqual(values(driver), [1, 2, 3]);
  assert.ok(driver.world.now() - before >= 2_000, "it waited first");
});

test("a batch that is mixed up, or brings an event twice, is processed in order and once", async () => {
  const driver = testDriver(plain());
  for (let value = 0; value < 5; value++) driver.publish(reading(value, value));
  const [a, b, c, d, e] = driver.hub.from(0, 0) as readonly HubEvent[] as [
    HubEvent,
    HubEvent,
    HubEvent,
    HubEvent,
    HubEvent,
  ];
  await driver.task.handle([a, b, b, c], new AbortController().signal);
  await driver.task.handle([e, d, c], new AbortController().signal);
  assert.deepEqual(values(driver), [0, 1, 2, 3, 4]);
});

test("where the hub ends with holes, a task that was woken once has nothing more to do", async () => {
  const driver = testDriver(plain());
  await driver.send(reading(1, 1));
  await driver.waitFor(0);
  driver.hub.leaveOut(0, 2);
  await driver.waitFor(0);
  assert.equal((await driver.task.look()).need, "nothing");
  assert.equal((await driver.ledger())?.source.holes, 2);
});

test("a repair ends between two chunks when its time is over, and goes on from there", async () => {
  const over = new AbortController();
  const none = readings()
    .filter("none", ({ value }) => {
      if (value === 1) over.abort();
      return value < 0;
    })
    .to(anySink<Reading>());
  const driver = testDriver(none);
  for (let value = 0; value < 5_000; value++) driver.publish(reading(value, value));
  await assert.rejects(driver.task.catchUp(over.signal), { name: "AbortError" });
  assert.equal((await driver.status())?.position, 2_000);
  assert.equal(await driver.task.catchUp(new AbortController().signal), 3_000);
});

test("an owner that was fenced waits for as long as the new one moves, and takes nothing over that it has done", async () => {
  const world = new VirtualWorld(START);
  const { hub, open, send, checkpoints } = onePartition(world);
  const memory = memorySink<Reading>();
  const newer = open(readings().to(memory));
  const next = async () => {
    const { position = 0 } = (await checkpoints.peek(newer.id)) ?? {};
    await newer.handle(hub.from(0, position).slice(0, 1), SIGNAL);
  };
  const pauses: number[] = [];
  const waiting: World = {
    now: () => world.now(),
    random: () => world.random(),
    nonce: () => world.nonce(),
    sleep: (milliseconds) => {
      pauses.push(milliseconds);
      return next();
    },
  };
  const fenced = open(readings().to(memory), { world: waiting });
  await fenced.catchUp(SIGNAL);
  for (let value = 0; value < 6; value++) send(reading(value, value));
  await next();
  await fenced.handle(hub.from(0, 0), SIGNAL);
  assert.deepEqual(
    memory.values.map(({ value }) => value),
    [0, 1, 2, 3, 4, 5],
  );
  assert.ok(await newer.holds());
  assert.equal(pauses.length, 5);
  assert.ok(pauses.every((pause) => pause >= 2_000 && pause < 4_000));
  assert.equal(new Set(pauses).size, 5, "by chance, so that two of them do not meet again");
});
