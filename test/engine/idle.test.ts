import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { type TestDriver, testDriver } from "../../lib/testing/index.ts";
import { anySink } from "../support/pipelines.ts";

const MINUTE = 60_000;
const START = Date.UTC(2001, 0, 1);
const Reading = z.object({ at: z.number() });

const windowed = (idle?: "30s") =>
  stream("idle", Reading)
    .eventTime((r) => r.at, { outOfOrder: "1m", ...(idle ? { idle } : {}) })
    .keyBy(() => "all")
    .window(tumbling("10m"))
    .aggregate("stats", { readings: count() })
    .to(anySink());

test("a window closes although no event comes, when the hub has been silent for as long as its end is away", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  await driver.waitFor("5m");
  assert.equal(driver.results().length, 0);
  await driver.waitFor("1m");
  assert.equal(driver.results().length, 1);
});

test("without `idle` silence closes nothing", async () => {
  const driver = testDriver(windowed());
  await driver.send({ at: START + 5 * MINUTE });
  await driver.waitFor("30d");
  assert.equal(driver.results().length, 0);
});

test("event time moves on from the last watermark, not to the wall clock", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  await driver.waitFor("7m");
  // By the wall clock, decades later, this event would be late.
  await driver.send({ at: START + 12 * MINUTE });
  assert.equal(driver.late().length, 0);
});

test("nothing moves while the hub holds events that were not processed: they are processed instead", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  driver.publish({ at: START + 6 * MINUTE });
  driver.skip(1);
  await driver.waitFor("6m");
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [2],
  );
});

test("a task that crashed goes on from the same silence, and waking twice is waking once", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  for (let i = 0; i < 6; i++) {
    driver.restart();
    await driver.waitFor("1m");
    await driver.waitFor(0);
  }
  assert.equal(driver.results().length, 1);
  assert.equal((await driver.status())?.watermark, START + 4 * MINUTE + 6 * MINUTE);
});

test("an event ends the silence: the next one is measured anew", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  await driver.waitFor("4m");
  await driver.send({ at: START + 5 * MINUTE });
  await driver.waitFor("1m");
  assert.equal(driver.results().length, 0);
  await driver.waitFor("1m");
  assert.equal(driver.results().length, 1);
});

test("the task asks to be woken when silence will make a window due, and then has nothing more to ask", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  const sent = driver.world.now();
  assert.deepEqual(driver.wakeUps, [sent + 6 * MINUTE]);
  assert.equal(await driver.task.needsWaking(), false);
  driver.world.moveTo(sent + 6 * MINUTE);
  assert.equal(await driver.task.needsWaking(), true);
  await driver.waitFor(0);
  assert.equal(driver.results().length, 1);
  assert.equal(await driver.task.needsWaking(), false, "what was delivered is confirmed in the log");
  assert.equal(driver.wakeUps.length, 1);
});

test("a new owner asks to be woken although all that it is given was committed before", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  const asked = [...driver.wakeUps];
  // The process died before its request left.
  driver.restart();
  driver.rewind(0);
  await driver.run();
  assert.deepEqual(driver.wakeUps, [...asked, ...asked]);
});

test("nothing moves by time that passed after the hub was proven empty: it may hold an event by then", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START + 5 * MINUTE });
  driver.publish({ at: START + 17 * MINUTE });
  driver.skip(1);
  Object.defineProperty(driver, "sinksAway", {
    get() {
      // The first delivery takes five minutes, and meanwhile an event comes.
      if (driver.results().length > 0) return false;
      driver.world.moveTo(driver.world.now() + 5 * MINUTE);
      driver.publish({ at: START + 18 * MINUTE });
      return false;
    },
  });
  await driver.waitFor(0);
  await driver.advanceTo("end");
  assert.equal(driver.late().length, 0);
  assert.deepEqual(
    driver.results<{ readings: number }>().map((r) => r.readings),
    [1, 2],
  );
});

test("a clock that is minutes ahead moves event time ahead by as much, once and not with every silence", async () => {
  const driver = testDriver(windowed("30s"));
  const ahead = 2 * MINUTE;
  let last = START;
  for (let i = 0; i < 20; i++) {
    last = START + i * MINUTE;
    const body = Buffer.from(JSON.stringify({ at: last }));
    driver.hub.publish(0, { body, enqueuedTime: driver.world.now() - ahead });
    await driver.run();
    if (i % 3 === 0) driver.restart();
    await driver.waitFor("1m");
  }
  assert.equal((await driver.status())?.watermark, last - MINUTE + MINUTE + ahead);
});

test("a commit that could not be delivered is remembered when the task next asks to be woken", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START });
  await driver.send({ at: START + 20 * MINUTE });
  driver.wakeUps.length = 0;
  driver.sinksAway = true;
  driver.world.moveTo(driver.world.now() + 3 * MINUTE);
  await assert.rejects(driver.send({ at: START + 35 * MINUTE }), { code: "UNAVAILABLE" });
  driver.sinksAway = false;
  driver.rewind(2);
  const enqueued = driver.world.now();
  await driver.run();
  assert.deepEqual(driver.wakeUps, [enqueued + 6 * MINUTE]);
});

test("a new owner asks to be woken also when it finds nothing to do", async () => {
  const driver = testDriver(windowed("30s"));
  await driver.send({ at: START });
  const due = driver.world.now() + 11 * MINUTE;
  driver.restart();
  driver.wakeUps.length = 0;
  await driver.waitFor("10s");
  assert.deepEqual(driver.wakeUps, [due]);
});

for (const [what, goOn] of [
  ["an event", (driver: TestDriver) => driver.send({ at: START + 20 * MINUTE })],
  ["a marker", (driver: TestDriver) => driver.advanceTo(START + 19 * MINUTE)],
] as const) {
  test(`${what} that goes beyond what silence did is where the next silence begins`, async () => {
    const driver = testDriver(windowed("30s"));
    await driver.send({ at: START + 12 * MINUTE });
    await driver.waitFor("5m");
    await goOn(driver);
    assert.equal(driver.results().length, 0);
    await driver.waitFor("1m");
    assert.equal(driver.results().length, 1);
  });
}
