import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL, START } from "../support/one-partition.ts";
import { Reading, reading } from "../support/pipelines.ts";

const SECOND = 1_000;

test("an owner for which an earlier message does asks again once that has come: a busy owner is not asked for", async () => {
  const { world, open, send } = onePartition();
  const underWay = START + 100 * SECOND;
  const asked: number[] = [];
  const windows = stream("readings", Reading)
    .eventTime((event) => event.at, { outOfOrder: 0, idle: "30s" })
    .keyBy(() => "all")
    .window(tumbling("10m"))
    .aggregate("stats", { readings: count() });
  const task = open(windows.to(memorySink()), {
    wakeAt: async (time) => {
      asked.push(world.now() - START);
      return world.now() < underWay ? underWay : time;
    },
  });
  for (const seconds of [0, 50, 101, 102]) {
    world.moveTo(START + seconds * SECOND);
    send(reading(START, seconds));
    await task.catchUp(SIGNAL);
  }
  assert.deepEqual(asked, [0, 101 * SECOND]);
});
