import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../lib/engine/headers.ts";
import { formatRedrive, parseRedrive, REDRIVE_PROPERTY } from "../../lib/engine/redrive.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const again = (sequenceNumber: number, key?: string) => ({
  properties: { [REDRIVE_PROPERTY]: formatRedrive({ sequenceNumber, key }) },
});

test("what is brought back twice is processed once, also after a crash", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  await driver.send(reading(1, 1), again(7));
  driver.restart();
  await driver.send(reading(1, 1), again(7));
  await driver.send(reading(2, 2), again(8));
  assert.deepEqual(
    driver.results<Reading>().map(({ value }) => value),
    [1, 2],
  );
  const row = (await driver.ledger())?.stages[0];
  assert.deepEqual([row?.in, row?.passed, row?.duplicate], [3, 2, 1]);
});

test("it has the key that it had, where the hub gives it none", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()));
  await driver.send("no JSON", again(3, "some; key"));
  await driver.send("no JSON", again(4));
  assert.deepEqual(
    driver.deadLetters().map(({ key }) => key),
    ["some; key", undefined],
  );
});

test("the header is a sequence number and a key, and anything else is none", () => {
  assert.deepEqual(parseRedrive("12;a;b\nc"), { sequenceNumber: 12, key: "a;b\nc" });
  assert.deepEqual(parseRedrive("12"), { sequenceNumber: 12, key: undefined });
  assert.deepEqual(parseRedrive("12;"), { sequenceNumber: 12, key: "" });
  for (const value of ["", "x", "-1", 12, undefined]) assert.equal(parseRedrive(value), undefined);
});

test("a reader of upstream tasks takes it although its producer's sequence is long past, and judges it by what is closed", async () => {
  const header = (sequence: number, watermark: number, control = false) => ({
    [PRODUCER_PROPERTY]: formatProducerHeader({
      producer: "up/0",
      generation: 1,
      sequence,
      watermark,
      producers: 1,
      control,
    }),
  });
  const driver = testDriver(
    stream("down", z.object({ at: z.number() }))
      .eventTime((r) => r.at, { watermark: "upstream" })
      .keyBy(() => "all")
      .window(tumbling(100))
      .aggregate("stats", { readings: count() })
      .to(anySink()),
  );
  await driver.send({ at: "no number" }, { properties: header(1, 0) });
  await driver.send({ at: 250 }, { properties: header(2, 0) });
  await driver.send("", { properties: header(3, 200, true) });
  assert.equal(driver.deadLetters().length, 1);
  await driver.send({ at: 260 }, { properties: { ...header(1, 0), ...again(0).properties } });
  await driver.send({ at: 60 }, { properties: { ...header(1, 0), ...again(1).properties } });
  assert.deepEqual(
    driver.late().map(({ eventTime, watermark }) => [eventTime, watermark]),
    [[60, 200]],
    "its window was closed meanwhile",
  );
  await driver.send("", { properties: header(4, 300, true) });
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
});
