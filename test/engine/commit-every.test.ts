import assert from "node:assert/strict";
import { test } from "node:test";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());
const values = (driver: ReturnType<typeof testDriver>) => driver.results<Reading>().map((r) => r.value);

test("large events do not wait for more than 64 MB of them", async () => {
  const driver = testDriver(readings().to(anySink<Reading>()), { commitEvery: "1h" });
  const large = { ...reading(1), note: "x".repeat(1_000_000) };
  for (let i = 0; i < 70; i++) await driver.send(large);
  assert.equal((await driver.status())?.position, 68);
});

test("no more than 50,000 events wait", async () => {
  const driver = testDriver(plain(), { commitEvery: "1h" });
  for (let value = 0; value < 49_999; value++) driver.publish(reading(value, value, "a", "r"));
  await driver.run();
  assert.equal((await driver.status())?.position, 0);
  await driver.send(reading(1, 1));
  assert.equal((await driver.status())?.position, 50_000);
});

test("several batches share one commit, and nothing leaves before it", async () => {
  const driver = testDriver(plain(), { commitEvery: "5s" });
  await driver.send(reading(1, 1));
  driver.world.moveTo(driver.world.now() + 4_999);
  await driver.send(reading(2, 2));
  assert.deepEqual(values(driver), []);
  driver.world.moveTo(driver.world.now() + 1);
  await driver.send(reading(3, 3));
  assert.deepEqual(values(driver), [1, 2, 3]);
  assert.equal((await driver.status())?.sequence, 2, "a fence and one frame");
});

test("what a crash loses before its commit is read from the hub again", async () => {
  const driver = testDriver(plain(), { commitEvery: "5s" });
  await driver.send(reading(1, 1));
  await driver.send(reading(2, 2));
  driver.restart();
  await driver.send(reading(3, 3));
  await driver.waitFor(0);
  assert.deepEqual(values(driver), [1, 2, 3]);
});

test("what waits when another takes over is read from the hub again by its owner, unless the other has done it", async () => {
  const { signal } = new AbortController();
  for (const given of [1, 2]) {
    const driver = testDriver(plain(), { commitEvery: "5s" });
    await driver.send(reading(1, 1));
    await driver.send(reading(2, 2));
    const fenced = driver.task;
    driver.restart();
    await driver.task.handle(driver.hub.from(0, 0).slice(0, given), signal);
    await driver.task.flush(signal);
    const before = await driver.status();
    assert.equal(before?.position, given);
    await fenced.flush(signal);
    assert.deepEqual(values(driver), [1, 2]);
    const frames = ((await driver.status())?.sequence ?? 0) - (before?.sequence ?? 0);
    assert.equal(frames, given === 2 ? 0 : 2, "who finds it done takes nothing over");
  }
});

test("closing commits what waits", async () => {
  const driver = testDriver(plain(), { commitEvery: "5s" });
  await driver.send(reading(1, 1));
  await driver.task.close();
  assert.deepEqual(values(driver), [1]);
});

test("a clock that is put back does not put commits off", async () => {
  let back = 0;
  const putBack = (r: Reading) => {
    if (r.value === 2) back = 3_600_000;
    return r;
  };
  const driver = testDriver(readings().map("put-back", putBack).to(anySink<Reading>()), { commitEvery: "5s" });
  const now = driver.world.now.bind(driver.world);
  driver.world.now = () => now() - back;
  await driver.send(reading(1, 1));
  await driver.send(reading(2, 2));
  assert.deepEqual(values(driver), [1, 2]);
});
