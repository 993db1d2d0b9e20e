import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { ProcessDied, withDeadly } from "../support/deadly.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const explode = (r: Reading): Reading => {
  if (r.value < 0) throw new Error("negative value");
  return r;
};

test("an event that makes user code throw touches nothing and becomes a dead letter", async () => {
  const pipeline = readings()
    .dedupe("by-id", (r) => r.id, { within: 100 })
    .map("check", explode)
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { readings: count() })
    .to(anySink());
  const driver = testDriver(pipeline);
  driver.publish(reading(1, -1, "a", "x"));
  driver.publish(reading(1, 1, "a", "x"));
  driver.publish(reading(50, -1, "a", "y"));
  driver.publish(reading(2, 1, "a", "z"));
  await driver.run();
  await driver.advanceTo("end");
  // The id of the failed event was not remembered, its time did not move the watermark, and the batch went on.
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
  const [first] = driver.deadLetters();
  assert.equal(driver.deadLetters().length, 2);
  assert.equal(first?.stage, "check");
  assert.equal(first?.reason, "negative value");
  assert.equal(first?.sequenceNumber, 0);
  assert.match(first?.stack ?? "", /atomicity\.test\.ts/);
  assert.equal(JSON.parse(Buffer.from(first?.body ?? "").toString()).id, "x");
});

test("of an event that became several, all succeed or none", async () => {
  const pipeline = readings()
    .flatMap("split", (r) => [
      { ...r, value: 1 },
      { ...r, value: r.value },
    ])
    .map("check", explode)
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { readings: count() })
    .to(anySink());
  const driver = testDriver(pipeline);
  await driver.send(reading(1, -1));
  await driver.send(reading(2, 5));
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
  const rows = Object.fromEntries((await driver.ledger())?.stages.map((row) => [row.stage, row]) ?? []);
  assert.equal(rows.split?.in, 2);
  assert.equal(rows.split?.deadLettered, 1);
  assert.equal(rows.split?.out, 2);
  assert.equal(rows.check?.in, 2);
});

test("an aggregate whose reading throws leaves the other aggregates as they were", async () => {
  const pipeline = readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { readings: count(), positive: count((r) => explode(r).value > 0) })
    .to(anySink());
  const driver = testDriver(pipeline);
  await driver.send(reading(1, -1));
  await driver.send(reading(2, 1));
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [1],
  );
  assert.equal(driver.deadLetters()[0]?.stage, "stats");
});

test("a result that a later stage refuses becomes a dead letter of that stage, and the other results leave", async () => {
  const pipeline = readings()
    .keyBy((r) => r.sensor)
    .window(tumbling(10))
    .aggregate("stats", { readings: count() })
    .map("check-result", (result) => {
      if (result.key === "bad") throw new Error("bad key");
      return result;
    })
    .to(anySink());
  const driver = testDriver(pipeline);
  await driver.send(reading(1, 1, "bad"));
  await driver.send(reading(1, 1, "good"));
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ key: string }>().map((r) => r.key),
    ["good"],
  );
  const [record] = driver.deadLetters();
  assert.equal(record?.stage, "check-result");
  assert.equal(record?.key, "bad");
  assert.match(Buffer.from(record?.body ?? "").toString(), /"readings":1/);
});

test("several sinks take a value together or not at all", async () => {
  const second = { ...anySink<Reading>("second") };
  const pipeline = readings().map("check", explode).to(anySink<Reading>("first"), second);
  const driver = testDriver(pipeline);
  await driver.send(reading(1, 1));
  await driver.send(reading(2, -1));
  assert.equal(driver.results("first").length, 1);
  assert.equal(driver.results("second").length, 1);
});

test("what is thrown and has no text makes a dead letter too", async () => {
  const odd = (r: Reading): Reading => {
    if (r.value === 1) throw Object.create(null);
    return r;
  };
  const driver = testDriver(readings().map("odd", odd).to(anySink<Reading>()));
  await driver.send(reading(1, 1));
  await driver.send(reading(2, 2));
  assert.equal(driver.results().length, 1);
  assert.equal(driver.deadLetters()[0]?.reason, "object without a text");
});

test("where the engine itself fails in the middle of an event, the memory is dropped, and all begins again from the log", async () => {
  let failures = 1;
  const failing = withDeadly(
    readings()
      .keyBy((r) => r.sensor)
      .window(tumbling(10))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
    "first",
    ({ value }: Reading) => value === 2 && failures-- > 0,
  );
  const driver = testDriver(failing);
  for (const value of [1, 2, 3]) driver.publish(reading(1, value));
  await assert.rejects(driver.run(), ProcessDied);
  driver.rewind(0);
  await driver.run();
  await driver.advanceTo("end");
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [3],
  );
});
