import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task } from "../../lib/engine/task.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { Reading, reading } from "../support/pipelines.ts";

const SECOND = 1_000;
const START = Date.UTC(2030, 0, 1);

test("an owner for which an earlier message does asks again once that has come: a busy owner is not asked for", async () => {
  const world = new VirtualWorld(START);
  const hub = new MemoryHub(1, START);
  const underWay = START + 100 * SECOND;
  const asked: number[] = [];
  const windows = stream("readings", Reading)
    .eventTime((event) => event.at, { outOfOrder: 0, idle: "30s" })
    .keyBy(() => "all")
    .window(tumbling("10m"))
    .aggregate("stats", { readings: count() });
  const task = new Task(windows.to(memorySink()), {
    partition: "0",
    world,
    checkpoints: createCheckpointStore({ blobs: memoryBlobs(), world }),
    reader: hub.reader(0),
    connections: NO_CONNECTIONS,
    sideOutput: captureSink<SideRecord>("$side", { kind: "memory", name: "side" }).sink,
    tables: new TableCache(world, NO_CONNECTIONS),
    from: "earliest",
    onLoss: "stop",
    wakeAt: async (time) => {
      asked.push(world.now() - START);
      return world.now() < underWay ? underWay : time;
    },
  });
  for (const seconds of [0, 50, 101, 102]) {
    world.moveTo(START + seconds * SECOND);
    const body = Buffer.from(JSON.stringify(reading(START, seconds)));
    hub.publish(0, { body, enqueuedTime: world.now(), partitionKey: undefined, properties: {} });
    await task.catchUp(new AbortController().signal);
  }
  assert.deepEqual(asked, [0, 101 * SECOND]);
});
