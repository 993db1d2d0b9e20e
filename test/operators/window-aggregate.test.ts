import assert from "node:assert/strict";
import { test } from "node:test";
import { avg, count, sum } from "../../lib/aggregates/index.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, reading, readings } from "../support/pipelines.ts";

const windowed = (grace = 0, emit: "updates" | "final" = "updates") =>
  readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10, { grace, emit }))
    .aggregate("stats", { readings: count(), total: sum((r) => r.value), mean: avg((r) => r.value) })
    .to(anySink());

test("a window's result leaves when the watermark reaches its end, and not before", async () => {
  const driver = testDriver(windowed());
  await driver.send(reading(1, 4));
  await driver.send(reading(9, 6));
  assert.deepEqual(driver.results(), []);
  await driver.send(reading(10));
  assert.deepEqual(driver.results(), [
    {
      key: "a",
      windowStart: "1970-01-01T00:00:00.000Z",
      windowEnd: "1970-01-01T00:00:00.010Z",
      readings: 2,
      total: 10,
      mean: 5,
    },
  ]);
});

test("windows are aligned to the epoch, also before it", async () => {
  const driver = testDriver(windowed());
  await driver.send(reading(-1));
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ windowStart: string; windowEnd: string }>().map((r) => [r.windowStart, r.windowEnd]),
    [["1969-12-31T23:59:59.990Z", "1970-01-01T00:00:00.000Z"]],
  );
});

test("an event within the grace updates a window that has fired", async () => {
  const driver = testDriver(windowed(5));
  await driver.send(reading(3));
  await driver.send(reading(14));
  await driver.send(reading(4));
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [1, 2],
  );
});

test("an event is late from the moment its window's end plus grace reaches the watermark", async () => {
  const driver = testDriver(windowed(5));
  await driver.send(reading(14));
  await driver.send(reading(3, 1, "a", "in time"));
  await driver.send(reading(15));
  await driver.send(reading(3, 1, "a", "late"));
  assert.deepEqual(
    driver.late().map((record) => JSON.parse(Buffer.from(record.body).toString()).id),
    ["late"],
  );
  const [record] = driver.late();
  assert.equal(record?.stage, "stats");
  assert.equal(record?.sequenceNumber, 3);
  assert.equal(record?.watermark, 15);
  assert.equal(record?.eventTime, 3);
});

test("lateness depends on the order of events and not on how they are batched", async () => {
  const events = [reading(1), reading(25), reading(2), reading(3, 1, "b"), reading(31)];
  const outcomes = [];
  for (const batches of [events.map((event) => [event]), [events]]) {
    const driver = testDriver(windowed(5));
    for (const batch of batches) {
      for (const event of batch) driver.publish(event);
      await driver.run();
    }
    await driver.advanceTo("end");
    const last = new Map(driver.results<{ key: string; windowStart: string }>().map((r) => [r.key + r.windowStart, r]));
    outcomes.push({ results: [...last.values()], late: driver.late().map((record) => record.sequenceNumber) });
  }
  assert.deepEqual(outcomes[0], outcomes[1]);
  assert.deepEqual(outcomes[0]?.late, [2, 3]);
});

test("a window's state goes when its grace is over, from memory and from the log", async () => {
  const driver = testDriver(windowed(5));
  await driver.send(reading(1));
  await driver.send(reading(12));
  assert.deepEqual([...(await driver.stored("stats")).keys()], [0, 10]);
  await driver.send(reading(15));
  assert.deepEqual([...(await driver.stored("stats")).keys()], [10]);
});

test('"final" gives one result a window, after the grace', async () => {
  const driver = testDriver(windowed(5, "final"));
  await driver.send(reading(1));
  await driver.send(reading(12));
  await driver.send(reading(2));
  assert.deepEqual(driver.results(), []);
  await driver.send(reading(15));
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
});

test("open windows survive a crash", async () => {
  const driver = testDriver(windowed(5));
  await driver.send(reading(1, 2));
  await driver.send(reading(12, 5));
  driver.restart();
  await driver.send(reading(2, 3));
  driver.restart();
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ total: number }>().map((r) => r.total),
    [2, 5, 5],
  );
});

test("a second window counts the first one's results, however late they leave", async () => {
  const pipeline = readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10, { grace: 30, emit: "final" }))
    .aggregate("small", { readings: count() })
    .window(tumbling(20))
    .aggregate("large", { windows: count(), readings: sum((r) => r.readings) })
    .to(anySink());
  const driver = testDriver(pipeline);
  for (const at of [1, 11, 55, 2, 90, 130]) await driver.send(reading(at));
  await driver.advanceTo("end");
  assert.deepEqual(
    driver
      .results<{ windowStart: string; windows: number; readings: number }>()
      .map((r) => [r.windowStart.slice(-5), r.windows, r.readings]),
    [
      [".000Z", 2, 2],
      [".040Z", 1, 1],
      [".080Z", 1, 1],
      [".120Z", 1, 1],
    ],
  );
  assert.deepEqual(
    driver.late().map((record) => record.sequenceNumber),
    [3],
  );
});

test("a deployment that changes what a window's state depends on is refused, and names what changed", async () => {
  const driver = testDriver(windowed(5));
  await driver.send(reading(1));
  driver.deploy(windowed(6));
  await assert.rejects(driver.send(reading(2)), { code: "PLAN_CHANGED", message: /"stats".*grace/s });
  driver.deploy(windowed(5, "final"));
  await driver.send(reading(15));
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
});

test("a deployment that lets results leave earlier lets those leave that are due by now, and later ones as a whole", async () => {
  const driver = testDriver(windowed(20, "final"));
  await driver.send(reading(3, 3));
  await driver.send(reading(15, 15));
  assert.deepEqual(driver.results(), []);
  driver.deploy(windowed(20));
  await driver.send(reading(16, 1));
  const totals = () => driver.results<{ total: number }>().map(({ total }) => total);
  assert.deepEqual(totals(), [3]);
  driver.deploy(windowed(20, "final"));
  await driver.send(reading(4, 1));
  driver.restart();
  assert.deepEqual(totals(), [3]);
  await driver.advanceTo("end");
  assert.deepEqual(totals(), [3, 4, 16]);
});

test("an event whose window would reach beyond all dates is a dead letter, and windows close", async () => {
  const driver = testDriver(
    readings()
      .keyBy((r) => r.sensor)
      .window(tumbling(7))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
  );
  await driver.send(reading(-8.64e15));
  await driver.send(reading(1));
  await driver.advanceTo("end");
  assert.equal(driver.results().length, 1);
  assert.match(driver.deadLetters()[0]?.reason ?? "", /window begins or ends where no Date is/);
});
