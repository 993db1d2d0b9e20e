import assert from "node:assert/strict";
import { test } from "node:test";
import { testDriver } from "../../lib/testing/index.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const plain = () => readings().to(anySink<Reading>());

const refused: readonly [string, unknown, RegExp][] = [
  ["a body that is not JSON", "{not json", /not JSON/],
  ["an empty body", "", /not JSON/],
  ["bytes that are no text", new Uint8Array([0xff, 0xfe, 0x00]), /not JSON/],
  ["a wrong type", { ...reading(1), value: "many" }, /value: .*number/],
  ["a missing field", { id: "x" }, /sensor: .*; at: /],
  ["no object at all", 17, /object/],
  ["a time that no clock shows", { ...reading(1), at: 1e300 }, /1e\+300 is not an instant/],
  ["a time before all that a Date can be", reading(Number.MIN_SAFE_INTEGER), /is not an instant/],
  ["a time more than a day ahead", reading(Date.UTC(2030, 0, 2, 0, 0, 0, 1)), /2030-01-02T00:00:00.001Z is ahead/],
];

for (const [what, event, reason] of refused) {
  test(`${what} becomes a dead letter with its bytes, and the next event is processed`, async () => {
    const driver = testDriver(plain());
    driver.publish(event, { partitionKey: "k", properties: { origin: "test" } });
    driver.publish(reading(1));
    await driver.run();
    assert.equal(driver.results().length, 1);
    const [record, ...more] = driver.deadLetters();
    assert.deepEqual(more, []);
    assert.match(record?.reason ?? "", reason);
    assert.equal(record?.stage, "source");
    assert.equal(record?.key, "k");
    assert.deepEqual(record?.properties, { origin: "test" });
    const bytes = event instanceof Uint8Array ? event : typeof event === "string" ? event : JSON.stringify(event);
    assert.deepEqual(Buffer.from(record?.body ?? ""), Buffer.from(bytes));
  });
}

test("every input of the source is accounted for", async () => {
  const driver = testDriver(plain());
  driver.publish("broken");
  driver.publish(reading(1));
  driver.publish(reading(2));
  await driver.run();
  await driver.advanceTo("end");
  const ledger = await driver.ledger();
  assert.deepEqual(ledger?.source, { start: 0, processed: 3, lost: 0, holes: 0, control: 1 });
  const source = ledger?.stages[0];
  assert.equal(source?.in, 3);
  assert.equal(source?.passed, 2);
  assert.equal(source?.deadLettered, 1);
});
