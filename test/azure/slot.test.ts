import assert from "node:assert/strict";
import { test } from "node:test";
import { Slot } from "../../lib/azure/slot.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { type Reading, reading, readings } from "../support/pipelines.ts";

const SECOND = 1_000;
const SILENT = { debug: () => undefined, warn: () => undefined };

interface Sleeper {
  readonly until: number;
  readonly wake: () => void;
}

/** A clock that moves when it is told to: whoever sleeps wakes in turn. */
class Clock extends VirtualWorld {
  #sleepers: Sleeper[] = [];

  override sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((wake, fail) => {
      this.#sleepers.push({ until: this.now() + milliseconds, wake });
      signal?.addEventListener("abort", () => fail(signal.reason), { once: true });
    });
  }

  async pass(milliseconds: number): Promise<void> {
    const end = this.now() + milliseconds;
    for (;;) {
      // What was woken works on for as long as it does not sleep.
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      const [next] = this.#sleepers.sort((a, b) => a.until - b.until);
      if (next === undefined || next.until > end) break;
      this.#sleepers.shift();
      this.moveTo(next.until);
      next.wake();
    }
    this.moveTo(end);
  }
}

test("what waits for its commit stays when another owner has come, and is committed when its time has", async () => {
  const world = new Clock(START);
  const { hub, open, send } = onePartition(world);
  const { sink, values } = captureSink<Reading>("out", { kind: "memory", name: "out" });
  const pipeline = readings().to(sink);
  const slot = new Slot((ports) => open(pipeline, { ...ports, commitEvery: 60 * SECOND }), {
    world,
    stop: SIGNAL,
    restAfter: 5 * SECOND,
    patience: 10 * SECOND,
    wakeAt: async (time) => time,
    running: () => undefined,
    log: SILENT,
  });
  send(reading(1, 1));
  await slot.handle(hub.from(0, 0), SILENT);
  await world.pass(61 * SECOND);
  assert.equal(values.length, 1, "committed by the alarm");
  send(reading(2, 2));
  await slot.handle(hub.from(0, 1), SILENT);
  // Another process takes over and ends at once, while the delivery of the first event is still to be confirmed.
  await open(pipeline).handle([], SIGNAL);
  await world.pass(30 * SECOND);
  assert.notEqual(slot.task.flushDue, undefined);
  await world.pass(60 * SECOND);
  assert.deepEqual(
    values.map(({ value }) => value),
    [1, 2],
  );
});

test("what the hub's retention has removed is told, with how many there are", async () => {
  const world = new Clock(START);
  const { hub, open, send } = onePartition(world);
  const { sink } = captureSink<Reading>("out", { kind: "memory", name: "out" });
  const pipeline = readings().to(sink);
  await open(pipeline).catchUp(SIGNAL);
  const said: unknown[] = [];
  const slot = new Slot((ports) => open(pipeline, { ...ports, onLoss: "continue" }), {
    world,
    stop: SIGNAL,
    restAfter: undefined,
    patience: 10 * SECOND,
    wakeAt: async (time) => time,
    running: () => undefined,
    log: SILENT,
  });
  send(reading(1), reading(2), reading(3));
  hub.expire(0, 2);
  const log = { ...SILENT, warn: (text: unknown) => said.push(text) };
  await slot.handle(hub.from(0, 2), log);
  await slot.handle(hub.from(0, 2), log);
  assert.deepEqual(said, [
    'Partition 0 of "readings" has lost 2 events to the hub\'s retention; a dead letter has their numbers.',
  ]);
});

test("a batch's commits are told to its own invocation, also when somebody looked after the task meanwhile", async () => {
  const world = new Clock(START);
  const { hub, open, send } = onePartition(world);
  const { sink } = captureSink<Reading>("out", { kind: "memory", name: "out" });
  let failures = 1;
  const flaky = (one: Reading) => {
    if (failures-- > 0) throw new Error("not today");
    return one;
  };
  const pipeline = readings()
    .map("flaky", flaky, { onError: { retry: { attempts: 3, delay: "10s" } } })
    .to(sink);
  const told: string[] = [];
  const logOf = (name: string) => ({ debug: () => void told.push(name), warn: () => undefined });
  const slot = new Slot((ports) => open(pipeline, ports), {
    world,
    stop: SIGNAL,
    restAfter: undefined,
    patience: 10 * SECOND,
    wakeAt: async (time) => time,
    running: () => undefined,
    log: logOf("the console"),
  });
  send(reading(1));
  const handled = slot.handle(hub.from(0, 0), logOf("the batch"));
  await world.pass(SECOND);
  assert.equal((await slot.attend(logOf("the sweep"), SIGNAL)).outcome, "busy");
  await world.pass(60 * SECOND);
  await handled;
  assert.ok(told.length > 1);
  assert.deepEqual([...new Set(told)], ["the batch"]);
});
