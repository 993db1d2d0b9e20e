import type { InvocationContext } from "@azure/functions";
import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import type { CommitMetrics } from "../engine/meter.ts";
import type { HubEvent, World } from "../engine/ports.ts";
import type { StartPosition } from "../engine/start.ts";
import { TableCache } from "../engine/tables.ts";
import { Task } from "../engine/task.ts";
import { TidemarkError } from "../errors.ts";
import { sideOutput } from "../sinks/side-output.ts";
import { EventHubReader } from "../sources/event-hub-reader.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { formatCommitLine, LatencyHistogram, METRIC_PREFIX } from "../telemetry/metrics.ts";
import type { FunctionDescription } from "./app-description.ts";
import { readBatch } from "./batch.ts";
import { openCheckpoints } from "./checkpoints.ts";
import type { AzureConnections } from "./connections.ts";
import { describeApp } from "./registry.ts";
import type { Environment } from "./settings.ts";
import { realWorld } from "./world.ts";

/** A function as the runtime runs it. */
export interface RunnableFunction {
  readonly pipeline: Pipeline;
  readonly description: FunctionDescription;
  readonly from: StartPosition;
  readonly onLoss: "stop" | "continue";
}

/** What all tasks of a process share. */
interface Shared {
  readonly connections: AzureConnections;
  readonly tables: TableCache;
  readonly checkpoints: (connection: string) => Promise<CheckpointStore>;
}

/** A task, and the batch in hand for what is said of its commits. */
interface Slot {
  readonly task: Task;
  batch: readonly HubEvent[];
  /** Of the task, as its last commit left it. */
  position: number | undefined;
  log: InvocationContext | undefined;
}

/** How long closing may take once everything was told to stop. */
const CLOSE_MS = 2_000;

/** Runs the functions of one process: tasks by function and partition, opened with their first batch. */
export class Runtime {
  readonly #environment: Environment;
  readonly #world: World;
  readonly #slots = new Map<string, Promise<Slot>>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #shared: Promise<Shared> | undefined;
  #draining: Promise<void> | undefined;

  constructor(environment: Environment, world: World = realWorld) {
    this.#environment = environment;
    this.#world = world;
  }

  /** Processes what a trigger hands over; resolves when it is committed and delivered. */
  handle(fn: RunnableFunction, payload: unknown, context: InvocationContext): Promise<void> {
    const run = this.#handle(fn, payload, context);
    this.#running.add(run);
    const done = () => this.#running.delete(run);
    run.then(done, done);
    return run;
  }

  /** Takes no more batches, waits for those in hand for at most so many milliseconds, then stops them and lets go. */
  drain(milliseconds: number): Promise<void> {
    this.#draining ??= this.#drain(milliseconds);
    return this.#draining;
  }

  async #handle(fn: RunnableFunction, payload: unknown, context: InvocationContext): Promise<void> {
    if (this.#draining) throw shuttingDown();
    const { partition, events } = readBatch(payload, context.triggerMetadata);
    const slot = await this.#slotOf(fn, partition);
    slot.batch = events;
    slot.log = context;
    await slot.task.handle(events, this.#stop.signal);
  }

  #slotOf(fn: RunnableFunction, partition: string): Promise<Slot> {
    const key = `${fn.description.name}/${partition}`;
    let slot = this.#slots.get(key);
    if (!slot) {
      slot = this.#makeSlot(fn, partition);
      this.#slots.set(key, slot);
      slot.catch(() => this.#slots.delete(key));
    }
    return slot;
  }

  async #makeSlot({ pipeline, description, from, onLoss }: RunnableFunction, partition: string): Promise<Slot> {
    this.#shared ??= this.#share();
    this.#shared.catch(() => {
      this.#shared = undefined;
    });
    const { connections, tables, checkpoints } = await this.#shared;
    const { connection, hub, repairGroup, storageConnection, partitions } = description;
    const reader = new EventHubReader({
      client: () => connections.eventHubConsumer(connection, hub, repairGroup),
      partition,
      partitions,
    });
    const task = new Task(pipeline, {
      partition,
      world: this.#world,
      checkpoints: await checkpoints(storageConnection),
      reader,
      connections,
      sideOutput: sideOutput({ connection: storageConnection }),
      tables,
      from,
      onLoss,
      onCommit: (metrics) => this.#report(slot, metrics),
    });
    const slot: Slot = { task, batch: [], position: undefined, log: undefined };
    return slot;
  }

  async #share(): Promise<Shared> {
    // Loaded with the first batch: registering functions needs neither the checks nor the clients.
    const [{ needsOf, readSettings }, { AzureConnections }] = await Promise.all([
      import("./settings.ts"),
      import("./connections.ts"),
    ]);
    const connections = new AzureConnections(readSettings(needsOf(describeApp()), this.#environment));
    const stores = new Map<string, Promise<CheckpointStore>>();
    const checkpoints = (connection: string) => {
      const store = stores.get(connection) ?? openCheckpoints(connections, connection, this.#world);
      stores.set(connection, store);
      store.catch(() => stores.delete(connection));
      return store;
    };
    return { connections, tables: new TableCache(this.#world, connections), checkpoints };
  }

  #report(slot: Slot, metrics: CommitMetrics): void {
    const latency = new LatencyHistogram();
    const now = this.#world.now();
    // The batch may hold events that were committed before; events read from the hub again are not in it.
    const from = slot.position ?? metrics.position - metrics.events;
    for (const { sequenceNumber, enqueuedTime } of slot.batch) {
      if (sequenceNumber >= from && sequenceNumber < metrics.position) latency.add(now - enqueuedTime);
    }
    slot.position = metrics.position;
    slot.log?.debug(METRIC_PREFIX, formatCommitLine(metrics, latency));
  }

  async #drain(milliseconds: number): Promise<void> {
    await this.#within(milliseconds, Promise.allSettled(this.#running));
    this.#stop.abort(shuttingDown());
    await this.#within(CLOSE_MS, this.#close());
  }

  async #close(): Promise<void> {
    const slots = await Promise.allSettled(this.#slots.values());
    await Promise.allSettled(slots.map((slot) => (slot.status === "fulfilled" ? slot.value.task.close() : undefined)));
    const shared = await this.#shared?.catch(() => undefined);
    await shared?.connections.close();
  }

  async #within(milliseconds: number, work: Promise<unknown>): Promise<void> {
    const timer = new AbortController();
    const timeout = this.#world.sleep(milliseconds, timer.signal).catch(() => undefined);
    await Promise.race([work, timeout]);
    timer.abort();
  }
}

function shuttingDown(): TidemarkError {
  return new TidemarkError("UNAVAILABLE", "The app is shutting down.", { retryable: true });
}

/** The runtime of this process. */
export const runtime: Runtime = new Runtime(process.env);
