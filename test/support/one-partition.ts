import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task, type TaskPorts } from "../../lib/engine/task.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";

/** Where virtual time begins. */
export const START = Date.UTC(2030, 0, 1);
export const SIGNAL = new AbortController().signal;

/**
 * A hub's only partition, and a log, over memory that outlives the tasks: for what a test driver's one task cannot do.
 * `side` holds dead letters and late events.
 */
export function onePartition(world: VirtualWorld = new VirtualWorld(START)) {
  const hub = new MemoryHub(1, START);
  const checkpoints = createCheckpointStore({ blobs: memoryBlobs(), world });
  const side = captureSink<SideRecord>("$side", { kind: "memory", name: "side" });
  /** A task as another process would open it, after a crash or beside one that lives. */
  const open = (pipeline: Pipeline, ports: Partial<TaskPorts> = {}): Task =>
    new Task(pipeline, {
      partition: "0",
      world,
      checkpoints,
      reader: hub.reader(0),
      connections: NO_CONNECTIONS,
      sideOutput: side.sink,
      tables: new TableCache(world, NO_CONNECTIONS),
      from: "earliest",
      onLoss: "stop",
      ...ports,
    });
  /** Publishes events, enqueued now. */
  const send = (...events: (object & { readonly properties?: Readonly<Record<string, unknown>> })[]): void => {
    for (const event of events) {
      const body = Buffer.from(JSON.stringify(event));
      hub.publish(0, { body, enqueuedTime: world.now(), properties: event.properties ?? {} });
    }
  };
  return { world, hub, checkpoints, side: side.values, open, send };
}
