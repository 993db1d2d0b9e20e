import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { Outbox } from "../../lib/engine/outbox.ts";
import { ALL_DELIVERED, type SinkTask } from "../../lib/engine/sink.ts";
import { testDriver } from "../../lib/testing/index.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { BusyCheck } from "../../lib/testing/simulator/busy-check.ts";
import { Watch } from "../../lib/testing/simulator/watch.ts";
import { frameOf, SHAPE, seededWorld, start, TASK } from "../checkpoint/support.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";
import { quietProcess } from "./simulated.ts";

/** What seeds found, each in the fewest steps that show it. */
describe("found by the simulator", () => {
  it("events that retention removes while they are read are lost, not holes", async () => {
    const driver = testDriver(readings().to(anySink<Reading>()), { onLoss: "continue" });
    await driver.send(reading(1, 1));
    driver.publish(reading(2, 2));
    driver.publish(reading(3, 3));
    driver.skip(2);
    driver.publish(reading(4, 4));
    const from = driver.hub.from.bind(driver.hub);
    driver.hub.from = (partition, sequenceNumber) => {
      if (sequenceNumber === 1) driver.hub.expire(0, 2);
      return from(partition, sequenceNumber);
    };
    await driver.run();
    const source = (await driver.ledger())?.source;
    assert.deepEqual([source?.lost, source?.holes], [1, 0]);
    assert.deepEqual(driver.deadLetters()[0]?.properties, { from: 1, to: 1 });
  });

  it("what one frame had refused is told before the next frame can fail", async () => {
    const deliver: SinkTask<unknown>["deliver"] = async ([message]) => {
      if (message === "away") throw new Error("the service is away");
      return message === "large" ? { refused: [{ message, reason: "too large" }] } : ALL_DELIVERED;
    };
    const sink: SinkTask<unknown> = { prepare: (v) => v, accept: (v) => v, deliver, close: async () => undefined };
    const frames = ["small", "large", "away"].map((message, i) => ({
      stamp: { pipeline: "p", partition: "0", generation: 1, sequence: i + 1, nonce: "00" },
      outbox: [{ sink: "out", messages: [message] }],
    }));
    const outbox = new Outbox(new Map([["out", sink]]), 0, frames);
    const signal = new AbortController().signal;
    assert.equal((await outbox.deliver(signal)).length, 1);
    assert.equal(outbox.confirmed, 2);
    await assert.rejects(outbox.deliver(signal), /the service is away/);
  });

  it("a log that is reset right after a rotation ends with the number that a reader expects", async () => {
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs, world: seededWorld(), limits: { segmentAppends: 2, slicePause: 0 } });
    const log = await store.open(TASK, SHAPE, start);
    const segments = async () => (await blobs.list("checkpoints/delays/0/log/")).length;
    // Until it has just rotated: what is prepared beside the log is taken by one of the next appends.
    for (let position = 8; (await segments()) < 2; position++) await log.append(frameOf(position, {}));
    await log.append(frameOf(99, {}));
    await store.reset(TASK);
    const ends = (await blobs.list("checkpoints/delays/0/log/")).map(({ name }) => blobs.contents(name) as Buffer);
    const newest = ends.at(-1) as Buffer;
    const last = newest.subarray(newest.length - newest.readUInt32LE(newest.length - 4));
    assert.ok(last.readUInt32LE(24) >= 3, `its end has the number ${last.readUInt32LE(24)}`);
  });

  it("a segment that was removed, and created once more by a call given up long before, is no damage", async () => {
    const blobs = memoryBlobs();
    const store = createCheckpointStore({ blobs, world: seededWorld() });
    const zombie = await store.open(TASK, SHAPE, start);
    const [segment] = await blobs.list("checkpoints/delays/0/log/");
    await blobs.remove(segment?.name ?? "");
    await blobs.createAppend(segment?.name ?? "");
    await assert.rejects(zombie.append(frameOf(8, {})), { code: "FENCED" });
  });

  it("what begins a segment that nobody refers to yet is no sign of an owner at work", () => {
    const watch = new Watch();
    const check = new BusyCheck(watch, 10_000);
    const [owner, visitor, other] = [quietProcess().life, quietProcess().life, quietProcess().life];
    const append = (segment: string, at: number): void =>
      check.appended({ call: "append", blob: `checkpoints/delays/0/log/1/${segment}`, bytes: 272 }, owner, at);
    append("1", 1_000);
    append("1", 1_010);
    append("2", 20_000);
    check.looked("delays/0", visitor, 24_000);
    check.opened("delays/0", visitor);
    assert.deepEqual(watch.violations, []);
    append("1", 30_000);
    check.looked("delays/0", other, 34_000);
    check.opened("delays/0", other);
    assert.match(watch.violations.join(), /taken from an owner/);
  });
});
