import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { Seclusion } from "../../lib/engine/seclusion.ts";
import type { Sink } from "../../lib/engine/sink.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL } from "../support/one-partition.ts";
import { type Reading, reading, readings } from "../support/pipelines.ts";

/** A task of a process, the code of its stages that ran so far, and a way to try something alone in that process. */
function shared() {
  const { hub, open, send } = onePartition();
  const seclusion = new Seclusion();
  const ran: string[] = [];
  const pipeline = readings()
    .keyBy(({ sensor }) => {
      ran.push("event");
      return sensor;
    })
    .window(tumbling(10))
    .aggregate("stats", { readings: count() })
    .map("behind", (result) => {
      ran.push("result");
      return result;
    })
    .to(memorySink());
  /** What ran while something else was tried alone. */
  const meanwhile = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    const trial = Promise.withResolvers<void>();
    const tried = seclusion.alone(() => trial.promise);
    const before = ran.length;
    const working = work();
    for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    const during = ran.slice(before);
    trial.resolve();
    await Promise.all([tried, working]);
    return during;
  };
  const task = (commitEvery = 0) => open(pipeline, { seclusion, commitEvery });
  return { hub, send, ran, meanwhile, task };
}

test("while something is tried alone no other task of the process runs an event", async () => {
  const { hub, send, ran, meanwhile, task } = shared();
  send(reading(1), reading(2));
  assert.deepEqual(await meanwhile(() => task().handle(hub.from(0, 0), SIGNAL)), []);
  assert.deepEqual(ran, ["event", "event"]);
});

test("nor does a window emit", async () => {
  const { hub, send, ran, meanwhile, task } = shared();
  send(reading(1), reading(11));
  const gathering = task(60_000);
  await gathering.handle(hub.from(0, 0), SIGNAL);
  assert.deepEqual(await meanwhile(() => gathering.flush(SIGNAL)), []);
  assert.deepEqual(ran, ["event", "event", "result"]);
});

test("nor does a task that takes events with care run several of them", async () => {
  const { hub, open, send } = onePartition();
  const seclusion = new Seclusion();
  const trial = Promise.withResolvers<void>();
  let tried: Promise<void> | undefined;
  let ran = 0;
  let before = 0;
  const counted = readings().map("counted", (value) => {
    ran++;
    return value;
  });
  const memory = memorySink<Reading>();
  const sink: Sink<Reading> = {
    ...memory,
    open: async (context) => {
      const task = await memory.open(context);
      const deliver: typeof task.deliver = (...delivery) => {
        // By then it runs several together.
        if (ran >= 20 && tried === undefined) {
          tried = seclusion.alone(() => trial.promise);
          before = ran;
        }
        return task.deliver(...delivery);
      };
      return { ...task, prepare: task.prepare.bind(task), accept: task.accept.bind(task), deliver };
    },
  };
  const task = () => open(counted.to(sink), { seclusion });
  for (let opening = 0; opening < 3; opening++) await task().handle([], SIGNAL);
  for (let at = 0; at < 100; at++) send(reading(at));
  const working = task().handle(hub.from(0, 0), SIGNAL);
  for (let turn = 0; turn < 2_000 && tried === undefined; turn++) await new Promise(setImmediate);
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
  assert.deepEqual([ran, ran < 100], [before, true]);
  trial.resolve();
  await working;
  assert.equal(ran, 100);
});

test("what is tried alone waits for its turn, and one that fails leaves the next its own", async () => {
  const seclusion = new Seclusion();
  const order: number[] = [];
  const first = Promise.withResolvers<void>();
  const trials = [
    seclusion.alone(() => first.promise),
    seclusion.alone(async () => order.push(2)),
    seclusion.alone(async () => order.push(3)),
  ];
  await new Promise(setImmediate);
  assert.deepEqual(order, []);
  first.reject(new Error("it failed"));
  await assert.rejects(trials[0] as Promise<unknown>, /it failed/);
  await Promise.all(trials.slice(1));
  assert.deepEqual(order, [2, 3]);
  assert.equal(seclusion.taken, undefined);
});
