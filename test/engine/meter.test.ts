import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

test("what stages hold is a gauge, also after a crash, and goes when windows close and ids are forgotten", async () => {
  const driver = testDriver(
    readings()
      .dedupe("by-id", (r) => r.id, { within: 10 })
      .keyBy((r) => r.sensor)
      .window(tumbling(10))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
  );
  await driver.send(reading(1, 1, "a"));
  await driver.send(reading(2, 1, "b"));
  await driver.send(reading(3, 1, "b"));
  assert.deepEqual(
    driver.commits.map(({ buffered }) => buffered),
    [2, 4, 5],
    "an id for each, and a result for each key",
  );
  driver.restart();
  await driver.send(reading(4, 1, "b"));
  assert.equal(driver.commits.at(-1)?.buffered, 6);
  await driver.advanceTo("end");
  assert.equal(driver.commits.at(-1)?.buffered, 0);
});

test("a commit says how many events retention has removed, once", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()), { onLoss: "continue" });
  await driver.send(reading(1));
  for (let i = 0; i < 3; i++) driver.publish(reading(2));
  driver.skip(3);
  driver.hub.expire(0, 4);
  await driver.send(reading(3));
  await driver.send(reading(4));
  assert.deepEqual(
    driver.commits.map(({ lost, events }) => [lost, events]),
    [
      [0, 1],
      [3, 0],
      [0, 1],
      [0, 1],
    ],
  );
});

test("a commit names the event that holds its partition back", async () => {
  let fails = 1;
  const flaky = (r: Reading) => {
    if (r.value === 2 && fails-- > 0) throw new Error("not yet");
    return r;
  };
  const onError = { retry: { attempts: 3, delay: "1s" } } as const;
  const driver = testDriver(readings().map("flaky", flaky, { onError }).to(anySink<Reading>()));
  driver.publish(reading(1, 1));
  driver.publish(reading(2, 2));
  await driver.run();
  assert.deepEqual(
    driver.commits.map(({ held }) => held),
    [{ stage: "flaky", sequenceNumber: 1, tries: 1, attempts: 3, reason: "not yet" }, undefined],
  );
});

test("a commit whose sink is away is told when it is delivered, in its order", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  driver.refuse = (value) => ((value as Reading).value === 1 ? "no" : undefined);
  driver.sinksAway = true;
  await assert.rejects(driver.send(reading(1, 1)), { code: "UNAVAILABLE" });
  assert.equal(driver.commits.length, 0);
  driver.world.moveTo(driver.world.now() + 60_000);
  driver.sinksAway = false;
  await driver.send(reading(2, 2));
  assert.deepEqual(
    driver.commits.map(({ sequence, events, results }) => [sequence, events, results]),
    [
      [2, 1, 1],
      [3, 0, 0],
      [4, 1, 1],
    ],
  );
  assert.deepEqual(driver.commits[0]?.latencyMs, { newest: 60_000, oldest: 60_000 });
});
