import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { count } from "../../lib/aggregates/index.ts";
import type { CheckpointStore } from "../../lib/checkpoint/checkpoint-log.ts";
import type { Frame } from "../../lib/engine/frame.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { type Dies, survive, twoPartitions, withDeadly } from "../support/deadly.ts";
import { onePartition, SIGNAL } from "../support/one-partition.ts";
import { anySink, Reading, reading, readings } from "../support/pipelines.ts";

type Stats = { readonly key: string; readonly windowStart: string; readonly n: number };

const counting = (size = 10, grace = 0) =>
  readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(size, { grace }))
    .aggregate("stats", { n: count() })
    .to(anySink<Stats>());
const keyIn =
  (...keys: string[]): Dies =>
  ({ key }: Stats) =>
    keys.includes(key);

const results = (driver: TestDriver) => driver.results<Stats>().map(({ key, n }) => `${key} ${n}`);
const condemned = (driver: TestDriver) => driver.deadLetters().map(({ key }) => key);

test("a result that kills the process behind its window is found and set aside, no event is, and the rest goes on", async () => {
  const driver = testDriver(withDeadly(counting(), "last", keyIn("c")));
  for (const [at, key] of [..."abcdef"].entries()) driver.publish(reading(at, 1, key));
  for (const at of [20, 21, 40, 41]) driver.publish(reading(at, 1, "x"));
  const deaths = await survive(driver, 20);
  assert.ok(deaths <= 12, `${deaths} deaths`);
  assert.deepEqual(results(driver), ["a 1", "b 1", "d 1", "e 1", "f 1", "x 2"]);
  const [record, ...more] = driver.deadLetters();
  assert.deepEqual(more, []);
  assert.deepEqual([record?.stage, record?.key, record?.eventTime], ["deadly-last", "c", 9]);
  assert.match(
    record?.reason ?? "",
    /process died each time the result of "stats" for "c" at 1970-01-01T00:00:00.009Z/,
  );
  assert.deepEqual(JSON.parse(Buffer.from(record?.body ?? "").toString()), {
    key: "c",
    windowStart: "1970-01-01T00:00:00.000Z",
    windowEnd: "1970-01-01T00:00:00.010Z",
  });
  const rows = (await driver.ledger())?.stages ?? [];
  assert.deepEqual(
    rows.map((row) => [row.stage, row.in, row.deadLettered]),
    [
      ["source", 10, 0],
      ["key", 10, 0],
      ["stats", 10, 0],
      ["deadly-last", 7, 1],
      ["out", 6, 0],
    ],
  );
  assert.equal((await driver.stored("$attempts")).size, 0, "nothing stays of the search");
});

test("of a large window the culprits are found with few crashes, and nobody else is condemned", async () => {
  const driver = testDriver(withDeadly(counting(10_000), "last", keyIn("k17", "k1700")));
  for (let i = 0; i < 2_000; i++) driver.publish(reading(i, 1, `k${i}`));
  driver.publish(reading(20_000, 1, "last"));
  const deaths = await survive(driver, 40);
  assert.ok(deaths <= 30, `${deaths} deaths`);
  assert.deepEqual(condemned(driver), ["k17", "k1700"]);
  assert.equal(driver.results().length, 1_998);
});

test("care lasts as long as the batch, also where each event lets a window emit: an event that kills takes few crashes", async () => {
  const driver = testDriver(withDeadly(counting(10, 1_000_000), "first", ({ value }: Reading) => value === 1_700));
  await driver.send(reading(1_000, -1, "first"));
  for (let value = 0; value < 2_000; value++) driver.publish(reading(1, value, `k${value % 7}`));
  const deaths = await survive(driver, 60);
  assert.ok(deaths <= 14, `${deaths} deaths`);
  assert.deepEqual(
    driver.deadLetters().map(({ sequenceNumber }) => sequenceNumber),
    [1_701],
  );
  assert.equal((await driver.stored("$attempts")).size, 0, "nothing stays of the search");
});

test("a result that kills when silence closes its window is found without an event", async () => {
  const silent = stream("readings", Reading)
    .eventTime((r) => r.at, { outOfOrder: 0, idle: "10s" })
    .keyBy((r) => r.sensor)
    .window(tumbling("1m"))
    .aggregate("stats", { n: count() })
    .to(anySink<Stats>());
  const driver = testDriver(withDeadly(silent, "last", keyIn("b")), { now: 0 });
  for (const key of "abc") driver.publish(reading(0, 1, key));
  await driver.run();
  await survive(driver, 20, () => driver.waitFor("2m"));
  assert.deepEqual([results(driver), condemned(driver)], [["a 1", "c 1"], ["b"]]);
  assert.equal((await driver.ledger())?.stages[0]?.deadLettered, 0);
});

test("an update within the grace that kills is set aside, and the event that made it is not", async () => {
  const dies: Dies = ({ key, n }: Stats) => key === "b" && n === 2;
  const driver = testDriver(withDeadly(counting(10, 100), "last", dies));
  for (const [at, key] of [
    [1, "a"],
    [2, "b"],
    [15, "x"],
  ] as const)
    await driver.send(reading(at, 1, key));
  for (const [at, key] of [
    [3, "a"],
    [4, "b"],
    [5, "a"],
  ] as const)
    driver.publish(reading(at, 1, key));
  await survive(driver, 20);
  assert.deepEqual(condemned(driver), ["b"]);
  assert.deepEqual(results(driver).slice(0, 2), ["a 1", "b 1"]);
  assert.equal(results(driver).at(-1), "a 3");
  assert.equal((await driver.ledger())?.stages[0]?.passed, 6);
});

test("a result that five processes died of by chance, one after the other, is not condemned", async () => {
  // Two deaths make the task careful; five more hit the result that is tried alone.
  let deaths = 7;
  const driver = testDriver(withDeadly(counting(), "last", ({ key }: Stats) => key === "b" && deaths-- > 0));
  for (const key of "abc") driver.publish(reading(1, 1, key));
  driver.publish(reading(20, 1, "x"));
  await survive(driver, 20);
  assert.ok(deaths < 0, "every process died that was to die");
  assert.deepEqual([results(driver), condemned(driver)], [["a 1", "b 1", "c 1"], []]);
});

/** A window of three keys that is about to close, over a log that may fail to take its results. */
function closingWindow(onAppend: (frame: Frame) => void) {
  const { open, send, side, checkpoints } = onePartition();
  const out = captureSink<Stats>("out", { kind: "memory", name: "out" });
  const { name, plan } = counting();
  const store: CheckpointStore = {
    peek: (task) => checkpoints.peek(task),
    open: async (...how) => {
      const log = await checkpoints.open(...how);
      const append: typeof log.append = async (frame) => {
        onAppend(frame);
        return log.append(frame);
      };
      return { recovered: log.recovered, superseded: () => log.superseded(), close: () => log.close(), append };
    },
  };
  for (const key of "abc") send(reading(1, 1, key));
  send(reading(20, 1, "x"));
  const start = () => open({ name, plan: { ...plan, sinks: [out.sink] } }, { checkpoints: store });
  return { start, side, keys: () => out.values.map(({ key }) => key) };
}

/** Frames that may fail: the one that holds the results, and the note that the second of them is begun. */
const holdsResults = ({ outbox }: Frame) => outbox.length > 0;
const beginsSecond = ({ changes }: Frame) => JSON.stringify(changes).includes('\\"b\\"');

test("a result that comes through at last is not condemned for what follows it", async () => {
  const left: Record<string, number> = { b: 7, c: 3 };
  const dies: Dies = ({ key }: Stats) => {
    const dying = (left[key] ?? 0) > 0;
    if (dying) left[key] = (left[key] ?? 0) - 1;
    return dying;
  };
  const driver = testDriver(withDeadly(counting(), "last", dies));
  for (const key of "abc") driver.publish(reading(1, 1, key));
  driver.publish(reading(20, 1, "x"));
  await survive(driver, 20);
  assert.deepEqual(left, { b: 0, c: 0 });
  assert.deepEqual([results(driver), condemned(driver)], [["a 1", "b 1", "c 1"], []]);
});

test("a result whose process lives is not condemned, however often what follows cannot be written", async () => {
  for (const fails of [holdsResults, beginsSecond]) {
    let narrow = true;
    const { start, side, keys } = closingWindow((frame) => {
      if (narrow && fails(frame)) throw new Error("not now");
    });
    for (let i = 0; i < 3; i++) await start().handle([], SIGNAL);
    const task = start();
    for (let i = 0; i < 16; i++) await assert.rejects(task.catchUp(SIGNAL), /not now/);
    narrow = false;
    await task.catchUp(SIGNAL);
    assert.deepEqual([keys(), side], [["a", "b", "c"], []]);
  }
});

test("processes that die when all results are out condemn none of them", async () => {
  let deaths = 16;
  const { start, side, keys } = closingWindow((frame) => {
    if (holdsResults(frame) && deaths-- > 0) throw new Error("died");
  });
  while (deaths > 0) await assert.rejects(start().catchUp(SIGNAL), /died/);
  await start().catchUp(SIGNAL);
  assert.deepEqual([keys(), side], [["a", "b", "c"], []]);
});

test("nobody is condemned for a result on another partition that ends their process", async () => {
  const app = twoPartitions<Stats>((die) => withDeadly(counting(), "last", keyIn("a0", "c1"), die));
  for (const partition of [0, 1]) {
    for (const key of "abcd") app.publish(partition, reading(1, 1, `${key}${partition}`));
    app.publish(partition, reading(20, 1, "x"));
  }
  let processes = 1;
  while (!(await app.start().handleAll())) assert.ok(++processes < 40);
  assert.deepEqual(app.side.map(({ key }) => key).sort(), ["a0", "c1"]);
  assert.deepEqual(app.values.map(({ key }) => key).sort(), ["a1", "b0", "b1", "c0", "d0", "d1"]);
});

test("whichever events and results kill: each of them is one dead letter, and all others count once", async () => {
  const scenario = fc.record({
    keys: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 14 }),
    perWindow: fc.integer({ min: 1, max: 5 }),
    deadlyEvents: fc.uniqueArray(fc.nat({ max: 14 }), { maxLength: 2 }),
    deadlyResults: fc.uniqueArray(fc.record({ key: fc.integer({ min: 0, max: 5 }), window: fc.nat({ max: 2 }) }), {
      maxLength: 2,
      selector: ({ key, window }) => `${key} ${window}`,
    }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ keys, perWindow, deadlyEvents, deadlyResults }) => {
      const nameOf = (key: unknown, window: number) => `${key} ${new Date(window * 10).toISOString()}`;
      const killing = new Set(deadlyResults.map(({ key, window }) => nameOf(`k${key}`, window)));
      const dies: Dies = ({ key, windowStart }: Stats) => killing.has(`${key} ${windowStart}`);
      const inside = withDeadly(counting(), "last", dies);
      const driver = testDriver(withDeadly(inside, "first", ({ value }: Reading) => deadlyEvents.includes(value)));
      const expected = new Map<string, number>();
      for (const [i, key] of keys.entries()) {
        const window = Math.floor(i / perWindow);
        driver.publish(reading(window * 10, i, `k${key}`));
        const name = nameOf(`k${key}`, window);
        if (!deadlyEvents.includes(i)) expected.set(name, (expected.get(name) ?? 0) + 1);
      }
      driver.publish(reading(10_000, 99, "last"));
      await survive(driver, 80);
      const got = driver.results<Stats>().map(({ key, windowStart, n }) => `${key} ${windowStart} ${n}`);
      const good = [...expected].filter(([name]) => !killing.has(name)).map(([name, n]) => `${name} ${n}`);
      assert.deepEqual(got.sort(), good.sort());
      const dead = driver
        .deadLetters()
        .map(({ stage, sequenceNumber, key, eventTime }) =>
          stage === "source" ? `event ${sequenceNumber}` : nameOf(key, Math.floor((eventTime ?? 0) / 10)),
        );
      const events = deadlyEvents.filter((value) => value < keys.length).map((value) => `event ${value}`);
      assert.deepEqual(dead.sort(), [...events, ...[...killing].filter((name) => expected.has(name))].sort());
    }),
    { numRuns: 60 },
  );
});
