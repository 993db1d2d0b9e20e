import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const WITHIN = 10;

const deduped = (outOfOrder = 0) =>
  readings(outOfOrder)
    .dedupe("by-id", (r) => r.id, { within: WITHIN })
    .to(anySink<Reading>());

test("an event with an id seen within the bound is dropped and counted", async () => {
  const driver = testDriver(deduped(100));
  await driver.send(reading(5, 1, "a", "x"));
  await driver.send(reading(15, 2, "a", "x"));
  await driver.send(reading(16, 3, "a", "x"));
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [1, 3],
  );
  assert.equal((await driver.ledger())?.stages.find((s) => s.stage === "by-id")?.duplicate, 1);
});

test("what is older than the bound can no longer be judged and is late", async () => {
  const driver = testDriver(deduped());
  await driver.send(reading(20, 1, "a", "x"));
  await driver.send(reading(11, 2, "a", "y"));
  await driver.send(reading(10, 3, "a", "z"));
  assert.deepEqual(
    driver.results<Reading>().map((r) => r.value),
    [1, 2],
  );
  assert.deepEqual(
    driver.late().map((record) => record.sequenceNumber),
    [2],
  );
});

test("ids are forgotten when nothing can match them any more", async () => {
  const driver = testDriver(deduped());
  await driver.send(reading(5, 1, "a", "x"));
  await driver.send(reading(29, 1, "a", "y"));
  assert.deepEqual([...(await driver.stored("by-id")).keys()], [0, 20]);
  await driver.send(reading(30, 1, "a", "z"));
  assert.deepEqual([...(await driver.stored("by-id")).keys()], [20, 30]);
});

test("one event that brings an id twice counts once", async () => {
  const pipeline = readings()
    .flatMap("twice", (r) => [r, { ...r, value: 2 }])
    .dedupe("by-id", (r) => r.id, { within: WITHIN })
    .to(anySink<Reading>());
  const driver = testDriver(pipeline);
  await driver.send(reading(1, 1, "a", "x"));
  assert.equal(driver.results().length, 1);
});

test("agrees with a list that forgets nothing, across batches and crashes", async () => {
  const event = fc.record({ id: fc.constantFrom("x", "y", "z"), at: fc.integer({ min: 0, max: 60 }) });
  const step = fc.record({ events: fc.array(event, { maxLength: 8 }), crash: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const driver = testDriver(deduped(7));
      const accepted: { id: string; at: number }[] = [];
      let watermark = Number.NEGATIVE_INFINITY;
      for (const { events, crash } of steps) {
        for (const { id, at } of events) {
          driver.publish(reading(at, 1, "a", id));
          const duplicate = accepted.some((known) => known.id === id && Math.abs(known.at - at) <= WITHIN);
          if (at + WITHIN > watermark && !duplicate) accepted.push({ id, at });
          watermark = Math.max(watermark, at - 7);
        }
        await driver.run();
        if (crash) driver.restart();
      }
      assert.deepEqual(
        driver.results<Reading>().map(({ id, at }) => ({ id, at })),
        accepted,
      );
    }),
    { numRuns: 150 },
  );
});
