import assert from "node:assert/strict";
import { test } from "node:test";
import { MARKER_PROPERTY } from "../../lib/engine/headers.ts";
import { ALL_DELIVERED, type Sink, WAITING } from "../../lib/engine/sink.ts";
import { stream } from "../../lib/stream/stream.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { type Reading, Reading as ReadingSchema, reading } from "../support/pipelines.ts";

const MINUTE = 60_000;

/** A sink that keeps values in its store until event time has come to the end of their minute. */
function patientSink(name: string, received: unknown[]): Sink<Reading> {
  const delivered = new Set<number>();
  return {
    kind: "custom",
    name,
    target: { kind: "custom", name },
    open: async ({ state }) => {
      const waiting = new Map(state) as Map<string, Reading>;
      const changed = new Map<string, Reading | undefined>();
      const end = ({ at }: Reading) => Math.floor(at / MINUTE) * MINUTE + MINUTE;
      return {
        prepare: (value) => value,
        accept: (value) => {
          const kept = value as Reading;
          waiting.set(`${WAITING}${kept.id}`, kept);
          changed.set(`${WAITING}${kept.id}`, kept);
          return undefined;
        },
        closeFrame: (watermark) => {
          const leaving = [...waiting].filter(([, value]) => end(value) <= watermark);
          for (const [key] of leaving) {
            waiting.delete(key);
            changed.set(key, undefined);
          }
          return leaving.map(([, value]) => value);
        },
        nextTimer: () => (waiting.size === 0 ? undefined : Math.min(...[...waiting.values()].map(end))),
        changes: () => {
          const entries = [...changed].flat();
          changed.clear();
          return entries;
        },
        deliver: async (messages, { sequence }) => {
          if (!delivered.has(sequence)) for (const message of messages) received.push(message);
          delivered.add(sequence);
          return ALL_DELIVERED;
        },
        close: async () => undefined,
      };
    },
  };
}

/** `wakeUps` are the times at which a task asked to be woken. */
function partition() {
  const { world, send, open: openTask } = onePartition();
  const wakeUps: number[] = [];
  const wakeAt = async (time: number) => {
    wakeUps.push(time);
    return time;
  };
  const open = (...sinks: [Sink<Reading>, ...Sink<Reading>[]]) => {
    const timed = stream("readings", ReadingSchema).eventTime((event) => event.at, { outOfOrder: 0, idle: "1s" });
    return openTask(timed.to(...sinks), { wakeAt });
  };
  return { open, send, wakeUps, world };
}

test("what a sink keeps until later is in the log, and leaves once, after a crash too", async () => {
  const { open, send } = partition();
  const received: Reading[] = [];
  const sink = patientSink("patient", received);
  send(reading(START, 1), reading(START + 1, 2));
  await open(sink).catchUp(SIGNAL);
  assert.deepEqual(received, []);
  send(reading(START + MINUTE, 3));
  await open(sink).catchUp(SIGNAL);
  await open(sink).catchUp(SIGNAL);
  assert.deepEqual(
    received.map(({ value }) => value),
    [1, 2],
  );
});

test("a plan without a sink for which values wait is refused, and taken once they have left", async () => {
  const { open, send } = partition();
  const sink = patientSink("patient", []);
  send(reading(START, 1));
  await open(sink).catchUp(SIGNAL);
  const refusal = { code: "PLAN_CHANGED", message: /Values wait for sink "patient"/ };
  await assert.rejects(open(memorySink()).catchUp(SIGNAL), refusal);
  const task = open(sink);
  send({ properties: { [MARKER_PROPERTY]: "end" } });
  // It also confirms the delivery.
  await task.wake(SIGNAL);
  await open(memorySink()).catchUp(SIGNAL);
});

test("what a sink remembers beside that does not hold it in the plan", async () => {
  const { open, send } = partition();
  const memory = memorySink<Reading>("counting");
  const counting: Sink<Reading> = {
    ...memory,
    open: async (context) => {
      const task = await memory.open(context);
      const { prepare } = task;
      return {
        ...task,
        prepare,
        accept: () => undefined,
        deliver: task.deliver,
        close: task.close,
        changes: () => ["n", 1],
      };
    },
  };
  send(reading(START, 1));
  await open(counting).catchUp(SIGNAL);
  send(reading(START, 2));
  assert.equal(await open(memorySink()).catchUp(SIGNAL), 1);
});

test("a sink may let go of more values at once than a call takes arguments", async () => {
  const MANY = 200_000;
  const { open, send } = partition();
  const received: unknown[] = [];
  const sink = patientSink("generous", received);
  const generous: Sink<Reading> = {
    ...sink,
    open: async (context) => {
      const task = await sink.open(context);
      return {
        ...task,
        closeFrame: (watermark) => (task.closeFrame?.(watermark) ?? []).flatMap((value) => Array(MANY).fill(value)),
      };
    },
  };
  send(reading(START, 1), reading(START + MINUTE, 2));
  await open(generous).catchUp(SIGNAL);
  assert.equal(received.length, MANY);
});

test("silence brings what waits in a sink out when its time has come", async () => {
  const { open, send, wakeUps, world } = partition();
  const received: Reading[] = [];
  const task = open(patientSink("patient", received));
  send(reading(START, 1));
  await task.catchUp(SIGNAL);
  assert.deepEqual(wakeUps, [START + MINUTE]);
  world.moveTo(START + MINUTE - 1);
  await task.wake(SIGNAL);
  assert.equal(received.length, 0);
  world.moveTo(START + MINUTE);
  await task.wake(SIGNAL);
  assert.equal(received.length, 1);
});
