import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import type { CheckpointStore } from "../../lib/checkpoint/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { Reading, reading } from "../support/pipelines.ts";

const MINUTE = 60_000;
const windows = stream("readings", Reading)
  .eventTime((event) => event.at, { outOfOrder: 0 })
  .keyBy(() => "all")
  .window(tumbling("10m"))
  .aggregate("stats", { readings: count() });

/** A task that has looked and found nothing to do, and how often it has read its log since it began. */
async function atRest() {
  const { world, checkpoints, open, send } = onePartition();
  let peeks = 0;
  const counted: CheckpointStore = {
    open: (...args) => checkpoints.open(...args),
    peek: (id) => {
      peeks++;
      return checkpoints.peek(id);
    },
  };
  const task = open(windows.to(memorySink()), { checkpoints: counted });
  send(reading(START, 0), reading(START, 1));
  await task.catchUp(SIGNAL);
  await task.wake(SIGNAL);
  const look = await task.look();
  assert.equal(look.need, "nothing");
  const before = peeks;
  return { world, checkpoints, task, look, peeks: () => peeks - before };
}

test("a log that was reset is seen within the hour, by a task that remembers that it had nothing to do", async () => {
  const { world, checkpoints, task, look } = await atRest();
  await checkpoints.reset(task.id);
  world.moveTo(START + 60 * MINUTE);
  assert.equal((await task.look(look)).need, "work");
  await task.wake(SIGNAL);
  const status = await checkpoints.peek(task.id);
  assert.deepEqual([status?.generation, status?.position], [3, 2]);
});

test("within the hour a remembered look spares the log, and with each look at the log the hour begins anew", async () => {
  const { world, task, look, peeks } = await atRest();
  let last = look;
  const reads: number[] = [];
  for (let minutes = 5; minutes <= 180; minutes += 5) {
    world.moveTo(START + minutes * MINUTE);
    last = await task.look(last);
    reads.push(peeks());
  }
  assert.deepEqual([reads[10], reads[11], reads[22], reads[23], reads[35]], [0, 1, 1, 2, 3]);
});

test("what was delivered calls for rest until the log says so, and waking a task at rest writes nothing", async () => {
  const { open, send, checkpoints } = onePartition();
  const task = open(windows.to(memorySink()));
  send(reading(START), reading(START + 10 * MINUTE));
  await task.catchUp(SIGNAL);
  assert.equal((await task.look()).need, "rest");
  await task.wake(SIGNAL);
  assert.equal((await task.look()).need, "nothing");
  const before = await checkpoints.peek(task.id);
  await task.wake(SIGNAL);
  assert.equal((await checkpoints.peek(task.id))?.sequence, before?.sequence);
});

test("a remembered look lasts no longer than until silence makes a result due", async () => {
  const { world, open, send } = onePartition();
  const idle = stream("readings", Reading)
    .eventTime((event) => event.at, { outOfOrder: 0, idle: "1s" })
    .keyBy(() => "all")
    .window(tumbling("10m"))
    .aggregate("stats", { readings: count() });
  const task = open(idle.to(memorySink()));
  send(reading(START));
  await task.catchUp(SIGNAL);
  await task.wake(SIGNAL);
  const look = await task.look();
  assert.deepEqual([look.need, look.idleDue], ["nothing", START + 10 * MINUTE]);
  world.moveTo(START + 10 * MINUTE - 1);
  assert.equal(await task.look(look), look);
  world.moveTo(START + 10 * MINUTE);
  assert.equal((await task.look(look)).need, "rest");
});

test("a task that wakes beside a newer owner drops its memory first, and takes over at what that one has done", async () => {
  const { open, send, checkpoints } = onePartition();
  const sink = memorySink<{ readings: number }>();
  const woken = open(windows.to(sink));
  send(reading(START));
  await woken.catchUp(SIGNAL);
  send(reading(START + 1), reading(START + 10 * MINUTE));
  const newer = open(windows.to(sink));
  await newer.catchUp(SIGNAL);
  await woken.wake(SIGNAL);
  assert.equal((await checkpoints.peek(woken.id))?.position, 3);
  assert.deepEqual(
    sink.values.map(({ readings }) => readings),
    [2],
  );
  assert.deepEqual([await woken.holds(), await newer.holds()], [true, false]);
});
