import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { count, quantile, sum } from "../../lib/aggregates/index.ts";
import { updateObstacle } from "../../lib/cli/dead-letters/judge.ts";
import { formatRedrive, REDRIVE_LATE_PROPERTY, REDRIVE_PROPERTY } from "../../lib/engine/redrive.ts";
import type { Sink } from "../../lib/engine/sink.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

interface Result {
  readonly key: string;
  readonly windowStart: string;
  readonly readings: number;
  readonly total: number;
}

const windowed = (keep: number, grace = 0, emit: "updates" | "final" = "updates") =>
  readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10, { grace, keep, emit }))
    .aggregate("stats", { readings: count(), total: sum((r) => r.value), half: quantile(0.5, (r) => r.value) })
    .to(anySink());

/** Brings back what came as message `sequenceNumber`. */
const again = (sequenceNumber: number, late = "update") => ({
  properties: {
    [REDRIVE_PROPERTY]: formatRedrive({ sequenceNumber, key: undefined }),
    [REDRIVE_LATE_PROPERTY]: late,
  },
});

const totals = (driver: TestDriver) => driver.results<Result>().map((r) => [r.readings, r.total]);

test("what is brought back updates a closed window that is kept: counted once, also when brought back twice or after a crash", async () => {
  const driver = testDriver(windowed(100, 5));
  await driver.send(reading(1, 4));
  await driver.send(reading(30));
  assert.deepEqual(totals(driver), [[1, 4]]);
  await driver.send(reading(2, 6));
  assert.equal(driver.late().length, 1, "an ordinary event does not, though the window is kept");
  await driver.send(reading(2, 6), again(2, "side-output"));
  assert.equal(driver.late().length, 2, "nor does one that was told not to");
  driver.restart();
  await driver.send(reading(2, 6), again(4));
  driver.restart();
  await driver.send(reading(2, 6), again(4));
  await driver.send(reading(3, 1), again(5));
  assert.deepEqual(totals(driver), [
    [1, 4],
    [2, 10],
    [3, 11],
  ]);
  const rows = Object.fromEntries((await driver.ledger())?.stages.map((row) => [row.stage, row]) ?? []);
  assert.equal(rows.source?.duplicate, 1);
  assert.deepEqual([rows.stats?.aggregated, rows.stats?.late], [4, 2]);
});

test("a window that had no event can get its first one", async () => {
  const driver = testDriver(windowed(100));
  await driver.send(reading(55));
  await driver.send(reading(12, 3), again(90));
  assert.deepEqual(totals(driver), [[1, 3]]);
});

test("a window is kept until its time is over, and then it is late for all", async () => {
  const driver = testDriver(windowed(20));
  await driver.send(reading(1));
  await driver.send(reading(29));
  await driver.send(reading(2), again(90));
  assert.deepEqual(driver.results<Result>().at(-1)?.readings, 2);
  await driver.send(reading(30));
  assert.deepEqual(
    [...(await driver.stored("stats")).keys()].filter((start) => start === 0),
    [],
  );
  await driver.send(reading(3), again(91));
  assert.match(driver.late().at(-1)?.reason ?? "", /ended at 1970-01-01T00:00:00\.010Z and its state is not kept/);
});

test('with "final" there is one result, and one for each update', async () => {
  const driver = testDriver(windowed(100, 5, "final"));
  await driver.send(reading(1));
  await driver.send(reading(12));
  assert.deepEqual(totals(driver), []);
  await driver.send(reading(15));
  await driver.send(reading(16));
  driver.restart();
  await driver.send(reading(17));
  assert.deepEqual(totals(driver), [[1, 1]]);
  await driver.send(reading(2), again(90));
  assert.deepEqual(totals(driver), [
    [1, 1],
    [2, 2],
  ]);
});

test("keeping more brings back nothing that was dropped, and keeping less forgets it", async () => {
  const driver = testDriver(windowed(0));
  await driver.send(reading(1));
  await driver.send(reading(12));
  await driver.send(reading(20));
  driver.deploy(windowed(100));
  await driver.send(reading(5), again(90));
  assert.match(driver.late().at(-1)?.reason ?? "", /is not kept/, "it would have been a window of one event");
  driver.deploy(windowed(90));
  await driver.send(reading(6), again(89));
  assert.equal(driver.late().length, 2, "and less of nothing is nothing");
  await driver.send(reading(31));
  await driver.send(reading(22), again(91));
  assert.deepEqual(totals(driver).at(-1), [2, 2]);
  driver.deploy(windowed(0));
  await driver.send(reading(40));
  driver.deploy(windowed(100));
  await driver.send(reading(23), again(92));
  assert.match(driver.late().at(-1)?.reason ?? "", /is not kept/);
  assert.equal(driver.late().length, 3);
});

test("a dedupe stage that keeps its ids judges what is brought back, and one that does not calls it late", async () => {
  const deduped = (keep: number) =>
    readings()
      .dedupe("by-id", (r) => r.id, { within: 10, keep })
      .keyBy((r) => r.sensor)
      .window(tumbling(10, { keep: 100 }))
      .aggregate("stats", { readings: count() })
      .to(anySink());
  for (const keep of [0, 100]) {
    const driver = testDriver(deduped(keep));
    await driver.send(reading(1, 1, "a", "x"));
    await driver.send(reading(60, 1, "a", "y"));
    await driver.send(reading(2, 1, "a", "x"), again(90));
    await driver.send(reading(3, 1, "a", "z"), again(91));
    const counts = driver.results<Result>().map((r) => r.readings);
    assert.deepEqual(counts, keep === 0 ? [1] : [1, 2], `keep ${keep}`);
    assert.equal(driver.late().length, keep === 0 ? 2 : 0);
  }
});

test("the command says beforehand why an update cannot be", () => {
  const judge = (keep: number, ...sinks: Sink<unknown>[]) =>
    updateObstacle(5, 50, { ...windowed(keep).plan, ...(sinks.length > 0 ? { sinks } : {}) });
  assert.equal(judge(100), undefined);
  assert.match(judge(10) ?? "", /ended at .* and is not kept, since its \{ keep: "10ms" \} is over/);
  assert.match(judge(0) ?? "", /since the window does not say \{ keep: … \}; recompute it from the source/);
  const hub = {
    ...anySink<unknown>("next"),
    target: { kind: "eventHub", connection: "c", eventHub: "next", partitions: 1 },
  };
  assert.match(
    judge(100, hub as Sink<unknown>) ?? "",
    /readers of what "next" sends would count the updated result again/,
  );
  const twice = readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10, { keep: 100 }))
    .aggregate("first", { readings: count() })
    .window(tumbling(20))
    .aggregate("second", { results: count() })
    .to(anySink());
  assert.match(updateObstacle(5, 50, twice.plan) ?? "", /the updated result of "first" would count again in "second"/);
});

test("whatever came late and is brought back in whatever order, with crashes: the last results are those of all events", async () => {
  const step = fc.record({
    at: fc.integer({ min: 0, max: 120 }),
    sensor: fc.constantFrom("a", "b"),
    crash: fc.boolean(),
    backFirst: fc.boolean(),
  });
  const scenario = fc.record({
    steps: fc.array(step, { minLength: 1, maxLength: 20 }),
    grace: fc.constantFrom(0, 7),
    emit: fc.constantFrom("updates" as const, "final" as const),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ steps, grace, emit }) => {
      const driver = testDriver(windowed(1_000, grace, emit));
      const sent: Reading[] = [];
      let brought = 0;
      const bringBack = async () => {
        for (const record of driver.late().slice(brought)) {
          const { properties } = again(record.sequenceNumber);
          await driver.send(record.body, { properties });
          await driver.send(record.body, { properties });
          brought++;
        }
      };
      for (const { at, sensor, crash, backFirst } of steps) {
        if (crash) driver.restart();
        if (backFirst) await bringBack();
        const event = reading(at, at, sensor);
        sent.push(event);
        await driver.send(event);
      }
      await driver.send(reading(200, 0, "end"));
      await bringBack();
      const last = new Map<string, Result>();
      for (const result of driver.results<Result>())
        last.set(`${result.key} ${Date.parse(result.windowStart)}`, result);
      const expected = new Map<string, readonly [number, number]>();
      for (const { sensor, at, value } of sent) {
        const key = `${sensor} ${Math.floor(at / 10) * 10}`;
        const [readings, total] = expected.get(key) ?? [0, 0];
        expected.set(key, [readings + 1, total + value]);
      }
      assert.deepEqual(new Map([...last].map(([key, r]) => [key, [r.readings, r.total]])), expected);
    }),
    { numRuns: 100 },
  );
});
