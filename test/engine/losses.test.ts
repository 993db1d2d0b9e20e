import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PartitionReader } from "../../lib/engine/ports.ts";
import type { TaskPorts } from "../../lib/engine/task.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { onePartition, SIGNAL } from "../support/one-partition.ts";
import { type Reading, reading, readings } from "../support/pipelines.ts";

/** A partition whose readings bear their numbers, and a plain pipeline that began when it was empty. */
async function losing() {
  const { open, send, hub, side, checkpoints } = onePartition();
  const out = captureSink<Reading>("out", { kind: "memory", name: "out" });
  const pipeline = readings().to(out.sink);
  const id = { pipeline: pipeline.name, partition: "0" };
  await open(pipeline).catchUp(SIGNAL);
  return {
    hub,
    side,
    open: (ports: Partial<TaskPorts> = {}) => open(pipeline, ports),
    publish: (count: number) => {
      for (let i = 0; i < count; i++) send(reading(hub.next(0), hub.next(0)));
    },
    values: () => out.values.map(({ value }) => value),
    status: () => checkpoints.peek(id),
    ranges: () => side.map(({ properties }) => [properties.from, properties.to]),
  };
}

test("a loss that stops the task is in one dead letter, however often the batch comes again, and nothing behind it is committed", async () => {
  const { hub, open, publish, values, status, side, ranges } = await losing();
  publish(1);
  await open().handle(hub.from(0, 0), SIGNAL);
  publish(3);
  hub.expire(0, 3);
  let task = open();
  for (let i = 0; i < 6; i++) {
    if (i % 2 === 0) task = open();
    const before = await status();
    await assert.rejects(task.handle(hub.from(0, 3), SIGNAL), {
      code: "EVENTS_LOST",
      message: /sequence numbers 1 to 2.*dead letter has the range/,
    });
    if (i % 2 === 1) assert.equal((await status())?.sequence, before?.sequence, "told once, and written once");
  }
  assert.deepEqual(ranges(), [[1, 2]]);
  assert.match(side[0]?.reason ?? "", /events lost/);
  assert.deepEqual(values(), [0]);
  const { position, ledger } = (await status()) ?? {};
  assert.deepEqual([position, ledger?.source.lost], [1, 0]);
});

test("what is lost beyond is told apart, and a task that is told to continue tells no number twice", async () => {
  const { hub, open, publish, values, status, ranges } = await losing();
  publish(3);
  hub.expire(0, 2);
  await assert.rejects(open().catchUp(SIGNAL), { code: "EVENTS_LOST", message: /0 to 1/ });
  publish(3);
  hub.expire(0, 5);
  await assert.rejects(open().catchUp(SIGNAL), { code: "EVENTS_LOST", message: /0 to 4/ });
  assert.deepEqual(ranges(), [
    [0, 1],
    [2, 4],
  ]);
  await open({ onLoss: "continue" }).catchUp(SIGNAL);
  assert.deepEqual([ranges().length, values()], [2, [5]]);
  assert.equal((await status())?.ledger?.source.lost, 5);
});

test("an owner that stopped before a loss gives way to one that was told to continue", async () => {
  const { hub, open, publish, values } = await losing();
  publish(3);
  hub.expire(0, 2);
  const stopped = open();
  await assert.rejects(stopped.handle(hub.from(0, 2), SIGNAL), { code: "EVENTS_LOST" });
  await open({ onLoss: "continue" }).catchUp(SIGNAL);
  await stopped.handle(hub.from(0, 2), SIGNAL);
  assert.deepEqual(values(), [2]);
});

test("an owner that was fenced takes what another has processed for no loss, and takes over when that one has stopped", async () => {
  const { hub, open, publish, values, ranges } = await losing();
  publish(1);
  const reader = hub.reader(0);
  const inCircles = new AbortController();
  let asked = 0;
  const bounds = () => {
    if (++asked > 50) inCircles.abort(new Error("it goes round in circles"));
    return reader.bounds();
  };
  const fenced = open({ onLoss: "continue", reader: { ...reader, bounds } });
  await fenced.handle(hub.from(0, 0), SIGNAL);
  publish(2);
  await open().catchUp(SIGNAL);
  publish(2);
  hub.expire(0, 4);
  await fenced.handle(hub.from(0, 4), inCircles.signal);
  assert.deepEqual([values(), ranges()], [[0, 1, 2, 4], [[3, 3]]]);
});

test("whatever is lost when, by whom and told by which policy: each number is a result or in one dead letter", async () => {
  const step = fc.record({
    publish: fc.integer({ min: 0, max: 3 }),
    expire: fc.integer({ min: 0, max: 3 }),
    onLoss: fc.constantFrom("stop", "stop", "continue"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const { hub, open, publish, values, ranges } = await losing();
      let expired = 0;
      for (const { publish: more, expire, onLoss } of [...steps, { publish: 1, expire: 0, onLoss: "continue" }]) {
        publish(more);
        expired = Math.min(expired + expire, hub.next(0));
        hub.expire(0, expired);
        const went = open({ onLoss: onLoss as "stop" }).catchUp(SIGNAL);
        await went.catch((thrown) => assert.equal(thrown.code, "EVENTS_LOST"));
      }
      const told = ranges().flatMap(([from, to]) =>
        Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i),
      );
      assert.deepEqual(
        [...told, ...values()].sort((a, b) => a - b),
        Array.from({ length: hub.next(0) }, (_, i) => i),
      );
    }),
    { numRuns: 100 },
  );
});

test("what retention removes while a gap is being read is lost and told, and no hole", async () => {
  const { hub, open, publish, values, ranges, status } = await losing();
  publish(4);
  const { read, ...rest } = hub.reader(0);
  const reader: PartitionReader = {
    ...rest,
    read: async function* (from, to, limit) {
      for await (const chunk of read(from, to, limit)) {
        yield chunk.slice(0, 1);
        hub.expire(0, 3);
        return;
      }
    },
  };
  await open({ reader, onLoss: "continue" }).handle(hub.from(0, 3), SIGNAL);
  assert.deepEqual([values(), ranges()], [[0, 3], [[1, 2]]]);
  const { source } = (await status())?.ledger ?? {};
  assert.deepEqual([source?.lost, source?.holes], [2, 0]);
});
