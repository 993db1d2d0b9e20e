import assert from "node:assert/strict";
import { test } from "node:test";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { MARKER_PROPERTY } from "../../lib/engine/headers.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { ALL_DELIVERED, type Sink, WAITING } from "../../lib/engine/sink.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task } from "../../lib/engine/task.ts";
import { stream } from "../../lib/stream/stream.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { type Reading, Reading as ReadingSchema, reading } from "../support/pipelines.ts";

const MINUTE = 60_000;
const START = Date.UTC(2030, 0, 1);
const SIGNAL = new AbortController().signal;

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
          if (!delivered.has(sequence)) received.push(...messages);
          delivered.add(sequence);
          return ALL_DELIVERED;
        },
        close: async () => undefined,
      };
    },
  };
}

/** One partition over memory that outlives its tasks; `wakeUps` are the times at which a task asked to be woken. */
function partition() {
  const world = new VirtualWorld(START);
  const hub = new MemoryHub(1, START);
  const checkpoints = createCheckpointStore({ blobs: memoryBlobs(), world });
  const wakeUps: number[] = [];
  const open = (...sinks: [Sink<Reading>, ...Sink<Reading>[]]) => {
    const timed = stream("readings", ReadingSchema).eventTime((event) => event.at, { outOfOrder: 0, idle: "1s" });
    return new Task(timed.to(...sinks), {
      partition: "0",
      world,
      checkpoints,
      reader: hub.reader(0),
      connections: NO_CONNECTIONS,
      sideOutput: captureSink<SideRecord>("$side", { kind: "memory", name: "side" }).sink,
      tables: new TableCache(world, NO_CONNECTIONS),
      from: "earliest",
      onLoss: "stop",
      wakeAt: async (time) => {
        wakeUps.push(time);
        return time;
      },
    });
  };
  const send = (...events: (Reading | { properties: Readonly<Record<string, unknown>> })[]) => {
    for (const event of events) {
      const properties = "properties" in event ? event.properties : {};
      hub.publish(0, {
        body: Buffer.from(JSON.stringify(event)),
        enqueuedTime: START,
        partitionKey: undefined,
        properties,
      });
    }
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
