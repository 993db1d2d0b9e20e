import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { ambiguous } from "../../lib/checkpoint/blob-port.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../lib/engine/headers.ts";
import type { Task } from "../../lib/engine/task.ts";
import { stream } from "../../lib/stream/stream.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { survive, twoPartitions, withDeadly } from "../support/deadly.ts";
import { SIGNAL } from "../support/one-partition.ts";
import { anySink, type Reading, Reading as ReadingSchema, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());
const dyingOf =
  (killers: ReadonlySet<number>) =>
  ({ value }: Reading) =>
    killers.has(value);

/** A task whose process died whenever it saw one of some values, and that has done its batch at last. */
async function survivor(killers: ReadonlySet<number>, deaths: number, events = 6): Promise<TestDriver> {
  const driver = testDriver(withDeadly(plain(), "first", dyingOf(killers)));
  for (let value = 0; value < events; value++) driver.publish(reading(value, value));
  await survive(driver, deaths);
  return driver;
}

test("an event that kills the process is found, dead-lettered unprocessed, and the rest goes on", async () => {
  const driver = await survivor(new Set([2]), 20);
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [0, 1, 3, 4, 5],
  );
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.equal(record?.sequenceNumber, 2);
  assert.match(record?.reason ?? "", /the process died each time/);
});

test("two such events in one batch are both found", async () => {
  const driver = await survivor(new Set([0, 4]), 40);
  assert.deepEqual(
    driver.deadLetters().map((record) => record.sequenceNumber),
    [0, 4],
  );
  assert.equal(driver.results().length, 4);
});

test("an event that five processes died of by chance, one after the other, is not condemned", async () => {
  // Two deaths make the task careful with the third opening; five more hit the event that is tried alone.
  let deaths = 7;
  const byChance = new Set<number>();
  byChance.has = (value) => value === 2 && deaths-- > 0;
  const driver = await survivor(byChance, 20);
  assert.ok(deaths < 0, "every process died that was to die");
  assert.deepEqual(driver.deadLetters(), []);
  assert.equal(driver.results().length, 6);
});

test("in a large batch the culprit is found with few crashes, and nobody else is condemned", async () => {
  const driver = await survivor(new Set([17, 1700]), 40, 2000);
  assert.deepEqual(
    driver.deadLetters().map((record) => record.sequenceNumber),
    [17, 1700],
  );
  assert.equal(driver.results().length, 1998);
});

test("a batch of which no event kills costs few commits after crashes by chance", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  for (let value = 0; value < 2000; value++) driver.publish(reading(value, value));
  for (let i = 0; i < 3; i++) {
    await driver.task.handle([], new AbortController().signal);
    driver.restart();
  }
  await driver.run();
  assert.equal(driver.results().length, 2000);
  const { sequence = 0 } = (await driver.status()) ?? {};
  assert.ok(sequence > 16 && sequence < 60, `${sequence} frames`);
});

test("crashes that no event causes condemn none", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  for (let value = 0; value < 4; value++) driver.publish(reading(value, value));
  for (let i = 0; i < 12; i++) {
    await driver.task.handle([], new AbortController().signal);
    driver.restart();
  }
  await driver.run();
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [0, 1, 2, 3],
  );
  assert.deepEqual(driver.deadLetters(), []);
  const ledger = await driver.ledger();
  assert.equal(ledger?.source.processed, 4);
});

const values = (app: ReturnType<typeof twoPartitions<Reading>>) => app.values.map(({ value }) => value).sort();
const condemned = (app: ReturnType<typeof twoPartitions<Reading>>) =>
  app.side.map(({ sequenceNumber, partition }) => [partition, sequenceNumber]);

test("an event whose process lives is not condemned, however often its commit fails", async () => {
  let narrow = true;
  const app = twoPartitions<Reading>(plain, (name, bytes) => {
    // What announces an event is small and gets through; the event's own frame does not.
    if (narrow && bytes > 600) throw ambiguous("append", name);
  });
  const note = randomBytes(600).toString("base64");
  for (let value = 0; value < 3; value++) app.publish(0, reading(value, value, note));
  const [task] = app.start().tasks as [Task, Task];
  for (let i = 0; i < 12; i++) await assert.rejects(task.handle(app.hub.from(0, 0), SIGNAL));
  narrow = false;
  await task.handle(app.hub.from(0, 0), SIGNAL);
  assert.deepEqual(condemned(app), []);
  assert.deepEqual(values(app), [0, 1, 2]);
});

test("what a process has survived, whatever became of its commit, no longer counts for its end", async () => {
  let narrow = false;
  // Two deaths make the task careful with the third opening; five more hit the event that is tried alone.
  let deaths = 7;
  const byChance = ({ value }: Reading) => value === 0 && deaths > 0 && deaths-- > 0;
  const app = twoPartitions<Reading>(
    (die) => withDeadly(plain(), "first", byChance, die),
    (name, bytes) => {
      if (narrow && bytes > 600) throw ambiguous("append", name);
    },
  );
  app.publish(0, reading(0, 0, randomBytes(600).toString("base64")));
  while (deaths > 0) assert.equal(await app.start().handleAll(), false);
  narrow = true;
  const [survivor] = app.start().tasks as [Task, Task];
  for (let i = 0; i < 3; i++) await assert.rejects(survivor.handle(app.hub.from(0, 0), SIGNAL));
  narrow = false;
  deaths = 1;
  assert.equal(await app.start().handleAll(), false);
  assert.equal(await app.start().handleAll(), true);
  assert.deepEqual([condemned(app), values(app)], [[], [0]]);
});

test("an event is not condemned for one on another partition that ends their process", async () => {
  const killers = new Set([0, 12]);
  const app = twoPartitions<Reading>((die) => withDeadly(plain(), "first", dyingOf(killers), die));
  for (const partition of [0, 1])
    for (let at = 0; at < 4; at++) app.publish(partition, reading(at, 10 * partition + at));
  let processes = 1;
  while (!(await app.start().handleAll())) assert.ok(++processes < 40);
  assert.deepEqual(condemned(app), [
    ["0", 0],
    ["1", 2],
  ]);
  assert.deepEqual(values(app), [1, 2, 3, 10, 11, 13].sort());
});

test("an upstream task's event that is condemned was heard all the same: no gap follows, and its second copy is a duplicate", async () => {
  const upstream = stream("upstream", ReadingSchema).eventTime((r) => r.at, { watermark: "upstream" });
  const driver = testDriver(withDeadly(upstream.to(anySink<Reading>()), "first", dyingOf(new Set([1]))));
  for (const [sequence, value] of [
    [1, 0],
    [2, 1],
    [2, 1],
    [3, 2],
  ] as const) {
    const header = { producer: "p/0", generation: 1, sequence, watermark: 0, producers: 1, control: false };
    driver.publish(reading(1, value), { properties: { [PRODUCER_PROPERTY]: formatProducerHeader(header) } });
  }
  await survive(driver, 20);
  assert.equal(driver.deadLetters().length, 1);
  assert.equal((await driver.ledger())?.stages[0]?.duplicate, 1);
  assert.equal(driver.commits.at(-1)?.gaps, 0);
});
