import assert from "node:assert/strict";
import { test } from "node:test";
import { count } from "../../lib/aggregates/index.ts";
import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task } from "../../lib/engine/task.ts";
import { partitionForKey } from "../../lib/sources/partition-key.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import type { Plan } from "../../lib/stream/plan.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { anySink, type Reading, reading, readings } from "../support/pipelines.ts";

const counting = readings()
  .keyBy((r) => r.sensor)
  .window(tumbling(1_000))
  .aggregate("stats", { readings: count() })
  .to(anySink());
const plain = readings()
  .map("same", (r) => r)
  .to(anySink<Reading>());

/** All partitions of a hub, and a task for each. */
class Tasks {
  readonly world = new VirtualWorld(Date.parse("2030-01-01"));
  readonly hub: MemoryHub;
  readonly values: unknown[];
  readonly checkpoints = createCheckpointStore({ blobs: memoryBlobs(), world: this.world });
  readonly #plan: Plan;
  readonly #tasks = new Map<number, Task>();
  readonly #handled = new Map<number, number>();
  partitions: number;
  /** How often a hub was asked for its partitions. */
  asked = 0;

  constructor({ plan }: Pipeline, partitions: number) {
    const { sink, values } = captureSink<unknown>("out", { kind: "memory", name: "out" });
    this.#plan = { ...plan, sinks: [sink] };
    this.values = values;
    this.partitions = partitions;
    this.hub = new MemoryHub(partitions, this.world.now());
  }

  publish(key: string, partition = partitionForKey(key, this.partitions), at = 1): void {
    const body = Buffer.from(JSON.stringify(reading(at, 1, key)));
    this.hub.publish(partition, { body, enqueuedTime: this.world.now(), partitionKey: key });
  }

  addPartitions(number: number): void {
    this.hub.addPartitions(number);
    this.partitions += number;
  }

  run(partition: number): Promise<void> {
    const from = this.#handled.get(partition) ?? 0;
    const events = this.hub.from(partition, from);
    this.#handled.set(partition, from + events.length);
    return this.task(partition).handle(events, new AbortController().signal);
  }

  /** The same code in another process. */
  restart(): void {
    this.#tasks.clear();
    this.#handled.clear();
  }

  task(partition: number): Task {
    const known = this.#tasks.get(partition);
    if (known) return known;
    const reader = this.hub.reader(partition);
    const { world, checkpoints } = this;
    const made = new Task(
      { name: this.#plan.name, plan: this.#plan },
      {
        partition: String(partition),
        world,
        checkpoints,
        reader: {
          ...reader,
          bounds: () => {
            this.asked++;
            return reader.bounds();
          },
        },
        connections: NO_CONNECTIONS,
        sideOutput: captureSink<SideRecord>("$side", { kind: "memory", name: "side" }).sink,
        tables: new TableCache(world, NO_CONNECTIONS),
        from: "earliest",
        onLoss: "stop",
      },
    );
    this.#tasks.set(partition, made);
    return made;
  }
}

const KEYS = Array.from({ length: 40 }, (_, i) => `sensor-${i}`);

/** Two partitions that have processed every key, and a third that is new; every key was published once more. */
async function withThird(pipeline: Pipeline): Promise<Tasks> {
  const tasks = new Tasks(pipeline, 2);
  for (const key of KEYS) tasks.publish(key);
  for (const partition of [0, 1]) await tasks.run(partition);
  tasks.addPartitions(1);
  for (const key of KEYS) tasks.publish(key);
  return tasks;
}

const refused = {
  code: "PARTITIONS_CHANGED",
  message: /has 3 partitions, and had 2 .*new name.*begin after the change/,
};

test("when partitions are added, tasks with state stop before the first event whose key has moved", async () => {
  const tasks = await withThird(counting);
  for (const partition of [0, 1]) {
    const before = await tasks.checkpoints.peek(tasks.task(partition).id);
    await assert.rejects(tasks.run(partition), refused);
    assert.deepEqual(await tasks.checkpoints.peek(tasks.task(partition).id), before, "nothing more was committed");
  }
  await assert.rejects(tasks.run(2), refused);
  assert.equal(await tasks.checkpoints.peek(tasks.task(2).id), undefined, "and the new partition has no log");
  tasks.restart();
  for (const partition of [0, 1, 2]) await assert.rejects(tasks.run(partition), refused);
});

/** A task whose keys have gone away in part: those that still come were always here, and no event tells. */
async function onlyLosing() {
  const tasks = new Tasks(counting, 2);
  for (const key of KEYS) tasks.publish(key);
  await tasks.run(0);
  tasks.addPartitions(1);
  const stay = KEYS.find((key) => partitionForKey(key, 2) === 0 && partitionForKey(key, 3) === 0) as string;
  const status = () => tasks.checkpoints.peek(tasks.task(0).id);
  return { tasks, stay, status, before: await status() };
}

test("a partition from which keys have only gone away stops within a minute, before it closes their windows", async () => {
  const { tasks, stay, status, before } = await onlyLosing();
  tasks.world.moveTo(tasks.world.now() + 60_000);
  for (let i = 0; i < 3; i++) {
    tasks.publish(stay, 0, 5_000);
    await assert.rejects(tasks.run(0), refused);
  }
  assert.deepEqual(await status(), before);
  assert.deepEqual(tasks.values, []);
});

test("and at once when silence would close them, or events are read from the hub", async () => {
  for (const act of ["wake", "catchUp"] as const) {
    const { tasks, status, before } = await onlyLosing();
    await assert.rejects(tasks.task(0)[act](new AbortController().signal), refused);
    assert.deepEqual([await status(), tasks.values], [before, []]);
  }
});

test("while events flow the hub is asked for its partitions once a minute, and not by a task without state", async () => {
  for (const [pipeline, least, most] of [
    [counting, 9, 11],
    [plain, 0, 0],
  ] as const) {
    const tasks = new Tasks(pipeline, 2);
    tasks.publish(KEYS[0] as string, 0);
    await tasks.run(0);
    const { asked } = tasks;
    for (let second = 0; second < 600; second += 2) {
      tasks.world.moveTo(tasks.world.now() + 2_000);
      tasks.publish(KEYS[0] as string, 0);
      await tasks.run(0);
    }
    const times = tasks.asked - asked;
    assert.ok(times >= least && times <= most, `${times} times`);
  }
});

test("a task without state goes on, also on the partition that is new", async () => {
  const tasks = await withThird(plain);
  for (const partition of [0, 1, 2]) await tasks.run(partition);
  tasks.restart();
  for (const partition of [0, 1, 2]) await tasks.run(partition);
  assert.equal(tasks.values.length, 2 * KEYS.length);
});

test("keys in places of a producer's own choice stop nobody, and cost a question a minute", async () => {
  const tasks = new Tasks(counting, 2);
  for (const key of KEYS) tasks.publish(key, 0);
  await tasks.run(0);
  const { asked } = tasks;
  for (let i = 0; i < 5; i++) {
    for (const key of KEYS) tasks.publish(key, 0);
    await tasks.run(0);
  }
  assert.equal(tasks.asked, asked);
  tasks.world.moveTo(tasks.world.now() + 61_000);
  tasks.publish(KEYS[0] as string, 0);
  tasks.publish(KEYS[1] as string, 0);
  await tasks.run(0);
  assert.ok(tasks.asked <= asked + 1);
});
