import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { table } from "../../lib/stream/table.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const Sensor = z.object({ code: z.string(), room: z.string() });
const sensors = table("sensors", Sensor, {
  key: (sensor) => sensor.code,
  from: {
    kind: "memory",
    target: { kind: "memory", name: "sensors" },
    open: () => ({ load: () => Promise.reject(new Error("the test driver gives the rows")) }),
  },
});
const rows = { sensors: [{ code: "a", room: "hall" }] };

test("a row is found by `on`, by the stream's key, or by the partition key", async () => {
  const byOn = readings().joinTable("room", sensors, (_, s) => s?.room ?? "none", { on: (r) => r.sensor });
  const byKey = readings()
    .keyBy((r) => r.sensor)
    .joinTable("room", sensors, (_, s) => s?.room ?? "none");
  for (const stream of [byOn, byKey]) {
    const driver = testDriver(stream.to(anySink<string>()), { tables: rows });
    await driver.send(reading(1, 1, "a"));
    await driver.send(reading(2, 1, "b"));
    assert.deepEqual(driver.results(), ["hall", "none"]);
  }
});

test('with missing: "dead-letter" an event without a row is a dead letter that names table and key', async () => {
  const pipeline = readings()
    .joinTable("room", sensors, (_, s) => s.room, { on: (r) => r.sensor, missing: "dead-letter" })
    .to(anySink<string>());
  const driver = testDriver(pipeline, { tables: rows });
  await driver.send(reading(1, 1, "b"));
  assert.match(driver.deadLetters()[0]?.reason ?? "", /Table "sensors" has no row for "b"/);
});

test("a key given downstream does not reach back: each output of a flatMap is joined by the key it had there", async () => {
  const pipeline = readings()
    .keyBy((r) => r.sensor)
    .flatMap("twice", (r) => [r, r])
    .joinTable("room", sensors, (r, s) => ({ ...r, room: s?.room ?? "none" }))
    .keyBy((r) => `other-${r.room}`)
    .map("room-only", (r) => r.room)
    .to(anySink<string>());
  const driver = testDriver(pipeline, { tables: rows });
  await driver.send(reading(1, 1, "a"));
  assert.deepEqual(driver.results(), ["hall", "hall"]);
});

test("a row that the schema refuses stops the task with the row's number", async () => {
  const pipeline = readings()
    .joinTable("room", sensors, (_, s) => s?.room, { on: (r: Reading) => r.sensor })
    .to(anySink());
  const driver = testDriver(pipeline, { tables: { sensors: [{ code: "a", room: "x" }, { code: 7 }] } });
  await assert.rejects(driver.send(reading(1)), { code: "CONFIGURATION", message: /Row 2 of table "sensors"/ });
});
