import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { EventContext } from "../../lib/engine/context.ts";
import type { StoreChange } from "../../lib/engine/frame.ts";
import { Operator } from "../../lib/engine/operator.ts";
import { formatRedrive, REDRIVE_PROPERTY } from "../../lib/engine/redrive.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { memorySink } from "../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL } from "../support/one-partition.ts";
import { type Reading, reading, readings } from "../support/pipelines.ts";

const MIB = 1024 * 1024;

test("a batch of large events that all are dead letters is committed in portions that a frame can hold", async () => {
  const { world, hub, open, side } = onePartition();
  const checkpoints = createCheckpointStore({ blobs: memoryBlobs(), world, limits: { frameBytes: 40 * MIB } });
  const task = open(readings().to(memorySink<Reading>()), { checkpoints });
  const bodies = Array.from({ length: 3 }, () => randomBytes(17 * MIB));
  for (const body of bodies) hub.publish(0, { body, enqueuedTime: world.now() });
  await task.handle(hub.from(0, 0), SIGNAL);
  assert.deepEqual(
    side.map(({ body }) => body.length),
    bodies.map(({ length }) => length),
  );
});

/** Forgets as many windows at once as a second's windows of two days are. */
class Forgetful extends Operator {
  static readonly WINDOWS = 200_000;
  #left = Forgetful.WINDOWS;

  override process(value: unknown, context: EventContext): void {
    for (const slot of [this.counts.in, this.counts.passed, this.counts.out]) context.effects.count(slot);
    this.next.process(value, context);
  }

  override changes(): readonly StoreChange[] {
    const count = this.#left;
    this.#left = 0;
    return Array.from({ length: count }, (_, bucket) => ({ store: this.name, bucket, entries: [], dropped: true }));
  }
}

test("a stage may forget more windows at once than a call takes arguments", async () => {
  const { send, open, checkpoints } = onePartition();
  const { name, plan } = readings().to(memorySink<Reading>());
  const stage = {
    kind: "forgetful",
    name: "forgetful",
    open: (opening: { index: number }) => new Forgetful({ ...opening, name: "forgetful" }),
  };
  const task = open({ name, plan: { ...plan, stages: [stage] } } as Pipeline);
  send(reading(1));
  await task.catchUp(SIGNAL);
  assert.equal((await checkpoints.peek(task.id))?.position, 1);
});

test("a frame holds what has changed since the one before, and no more, however long a task lives", async () => {
  const { world, hub, open } = onePartition();
  const appended: number[] = [];
  const blobs = memoryBlobs().via(async ({ call, bytes }, proceed) => {
    if (call === "append") appended.push(bytes);
    return proceed();
  });
  const pipeline = readings()
    .dedupe("by-id", ({ id }) => id, { within: "1h" })
    .keyBy(({ sensor }) => sensor)
    .window(tumbling("1h"))
    .aggregate("stats", { readings: count() })
    .to(memorySink());
  const task = open(pipeline, { checkpoints: createCheckpointStore({ blobs, world }) });
  for (let number = 100; number < 200; number++) {
    const body = Buffer.from(JSON.stringify(reading(1, 1, "a", `r${number}`)));
    const properties = {
      [REDRIVE_PROPERTY]: formatRedrive({ sequenceNumber: 1_000 + number, key: undefined }),
    };
    hub.publish(0, { body, enqueuedTime: world.now(), properties });
    await task.catchUp(SIGNAL);
  }
  const frames = appended.slice(-100);
  assert.equal(frames.length, 100);
  const [early, late] = [frames[10] as number, frames[99] as number];
  assert.ok(late < early * 1.1, `${early} bytes at first, ${late} in the end`);
});
