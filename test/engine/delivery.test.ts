import assert from "node:assert/strict";
import { test } from "node:test";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());
const values = (driver: ReturnType<typeof testDriver>) => driver.results<Reading>().map((r) => r.value);

test("what was committed and not delivered is delivered after a crash, before anything newer", async () => {
  const driver = testDriver(plain());
  driver.sinksAway = true;
  await assert.rejects(driver.send(reading(1, 1)), { code: "UNAVAILABLE", retryable: true });
  driver.restart();
  driver.sinksAway = false;
  await driver.send(reading(2, 2));
  assert.deepEqual(values(driver), [1, 2]);
});

test("while a sink is away nothing newer is committed, and the same batch again commits nothing twice", async () => {
  const driver = testDriver(plain());
  driver.sinksAway = true;
  for (let attempt = 0; attempt < 3; attempt++) {
    driver.rewind(0);
    await assert.rejects(driver.send(reading(attempt, attempt)), { code: "UNAVAILABLE" });
  }
  assert.equal((await driver.status())?.position, 1);
  driver.sinksAway = false;
  await driver.send(reading(3, 3));
  assert.deepEqual(values(driver), [0, 1, 2, 3]);
});
