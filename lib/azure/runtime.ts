import type { InvocationContext } from "@azure/functions";
import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import type { CheckpointLimits } from "../checkpoint/limits.ts";
import type { World } from "../engine/ports.ts";
import { Seclusion } from "../engine/seclusion.ts";
import type { StartPosition } from "../engine/start.ts";
import { TableCache } from "../engine/tables.ts";
import { Task } from "../engine/task.ts";
import { messageOf, TidemarkError } from "../errors.ts";
import { sideOutput } from "../sinks/side-output.ts";
import { EventHubReader } from "../sources/event-hub-reader.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import type { FunctionDescription } from "./app-description.ts";
import { readBatch } from "./batch.ts";
import { openCheckpoints } from "./checkpoints.ts";
import type { AzureConnections } from "./connections.ts";
import { describeApp } from "./registry.ts";
import type { Environment } from "./settings.ts";
import { type Log, Slot } from "./slot.ts";
import { sweepTasks } from "./sweep.ts";
import { TIMING, type Timing } from "./timing.ts";
import { readWakeUp } from "./wake-up.ts";
import type { WakeUpRequests } from "./wake-up-requests.ts";
import { realWorld } from "./world.ts";

/** A function as the runtime runs it. */
export interface RunnableFunction {
  readonly pipeline: Pipeline;
  readonly description: FunctionDescription;
  readonly from: StartPosition;
  readonly onLoss: "stop" | "continue";
  /** Milliseconds that processed events may wait for their commit. */
  readonly commitEvery: number;
  /** Of its checkpoint logs, where they are not the usual ones. */
  readonly limits?: Partial<CheckpointLimits>;
}

/** What all tasks of a process share. */
interface Shared {
  readonly connections: AzureConnections;
  readonly tables: TableCache;
  readonly checkpoints: (connection: string, limits: Partial<CheckpointLimits>) => Promise<CheckpointStore>;
  /** Undefined when the app has no queue of wake-ups. */
  readonly wakeUps: WakeUpRequests | undefined;
  /** Whether the app has a sweep. */
  readonly swept: boolean;
}

/** How long closing may take once everything was told to stop. */
const CLOSE_MS = 2_000;

/** Runs the functions of one process: tasks by function and partition, opened with their first batch. */
export class Runtime {
  readonly #environment: Environment;
  readonly #world: World;
  readonly #timing: Timing;
  readonly #functions = new Map<string, RunnableFunction>();
  readonly #slots = new Map<string, Promise<Slot>>();
  readonly #seclusion = new Seclusion();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** Ends sweeps and wake-ups: unlike batches they need not be brought to an end. */
  readonly #ending = new AbortController();
  readonly #warned = new Set<string>();
  #shared: Promise<Shared> | undefined;
  #draining: Promise<void> | undefined;

  constructor(environment: Environment, world: World = realWorld, timing: Timing = TIMING) {
    this.#environment = environment;
    this.#world = world;
    this.#timing = timing;
  }

  /** Makes a function known to wake-ups and sweeps. */
  add(fn: RunnableFunction): void {
    this.#functions.set(fn.description.name, fn);
  }

  /** The functions that it knows, in order of registration. */
  get functions(): readonly RunnableFunction[] {
    return [...this.#functions.values()];
  }

  /** Processes what a trigger hands over; resolves when it is committed and delivered. */
  handle(fn: RunnableFunction, payload: unknown, context: InvocationContext): Promise<void> {
    return this.#run(async () => {
      const { partition, events } = readBatch(payload, context.triggerMetadata);
      const slot = await this.#slotOf(fn, partition);
      this.#warnOnce(fn, (await this.#shared)?.swept === true, context);
      await slot.handle(events, context);
    });
  }

  /** Answers a message of the queue of wake-ups. One that no function understands is reported and done with. */
  wake(entry: unknown, log: Log): Promise<void> {
    return this.#run(async () => {
      const wakeUp = readWakeUp(entry);
      const fn = wakeUp && this.#functions.get(wakeUp.function);
      if (!wakeUp || !fn || !(Number(wakeUp.partition) < fn.description.partitions)) {
        log.warn(`A message is no wake-up for a function of this app: ${JSON.stringify(wakeUp ?? entry)}.`);
        return;
      }
      await (await this.#slotOf(fn, wakeUp.partition)).answer(log, this.#shift());
    });
  }

  /** Looks after every partition of every function; throws UNAVAILABLE with all that failed, after it tried them all. */
  sweep(log: Log): Promise<void> {
    return this.#run(async () => {
      const partitions = [...this.#functions.values()].flatMap((fn) =>
        Array.from({ length: fn.description.partitions }, (_, partition) => ({ fn, partition: String(partition) })),
      );
      const signal = this.#shift();
      await sweepTasks(
        partitions.map(({ fn, partition }) => ({
          name: `${fn.description.name}/${partition}`,
          attend: async () => (await this.#slotOf(fn, partition)).attend(log, signal),
        })),
        log,
        signal,
      );
    });
  }

  /** Takes no more batches, waits for those in hand for at most so many milliseconds, then stops them and lets go. */
  drain(milliseconds: number): Promise<void> {
    this.#draining ??= this.#drain(milliseconds);
    return this.#draining;
  }

  /** Work that a shutdown waits for. */
  #run(work: () => Promise<void>): Promise<void> {
    const running = this.#draining ? Promise.reject(shuttingDown()) : work();
    this.#track(running);
    return running;
  }

  #track(running: Promise<void>): void {
    this.#running.add(running);
    const done = () => this.#running.delete(running);
    running.then(done, done);
  }

  /** Ends when the app does, or when it took so long that the next should go on. */
  #shift(): AbortSignal {
    return AbortSignal.any([this.#ending.signal, AbortSignal.timeout(this.#timing.shift)]);
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

  async #makeSlot(fn: RunnableFunction, partition: string): Promise<Slot> {
    this.#shared ??= this.#share();
    this.#shared.catch(() => {
      this.#shared = undefined;
    });
    const { connections, tables, checkpoints, wakeUps, swept } = await this.#shared;
    const { pipeline, description, from, onLoss, commitEvery, limits = {} } = fn;
    const { connection, hub, repairGroup, storageConnection, partitions, name } = description;
    const store = await checkpoints(storageConnection, limits);
    const reader = new EventHubReader({
      client: () => connections.eventHubConsumer(connection, hub, repairGroup),
      partition,
      partitions,
    });
    const sides = sideOutput({ connection: storageConnection });
    const shared = {
      partition,
      world: this.#world,
      checkpoints: store,
      reader,
      connections,
      sideOutput: sides,
      tables,
      seclusion: this.#seclusion,
      ending: this.#ending.signal,
    };
    return new Slot((ports) => new Task(pipeline, { ...shared, from, onLoss, commitEvery, ...ports }), {
      world: this.#world,
      stop: this.#stop.signal,
      restAfter: swept ? this.#timing.restAfter : undefined,
      // An owner that gathers events for one commit is quiet in between.
      patience: Math.max(this.#timing.patience, 2 * commitEvery),
      wakeAt: async (time, position) => wakeUps?.ask({ function: name, partition, position }, time) ?? time,
      running: (work) => this.#track(work),
    });
  }

  async #share(): Promise<Shared> {
    // Loaded with the first batch: registering functions needs neither the checks nor the clients.
    const [{ needsOf, readSettings }, { AzureConnections }, { WakeUpRequests }] = await Promise.all([
      import("./settings.ts"),
      import("./connections.ts"),
      import("./wake-up-requests.ts"),
    ]);
    const app = describeApp();
    const connections = new AzureConnections(readSettings(needsOf(app), this.#environment));
    const stores = new Map<string, Promise<CheckpointStore>>();
    const checkpoints = (connection: string, limits: Partial<CheckpointLimits>) => {
      const key = `${connection} ${JSON.stringify(limits)}`;
      const store = stores.get(key) ?? openCheckpoints(connections, connection, this.#world, limits);
      stores.set(key, store);
      store.catch(() => stores.delete(key));
      return store;
    };
    const wakeUps = app.queues.map(({ name: queue, connection }) => {
      const client = () => connections.queues(connection);
      const onTrouble = (thrown: unknown) => console.warn(`A wake-up could not be sent: ${messageOf(thrown)}`);
      return new WakeUpRequests({ world: this.#world, client, queue, headStart: this.#timing.headStart, onTrouble });
    })[0];
    const swept = app.timers.length > 0;
    return { connections, tables: new TableCache(this.#world, connections), checkpoints, wakeUps, swept };
  }

  /** What is not as it should be, but no reason to stop: told with a function's first batch. */
  #warnOnce(
    { pipeline, description, commitEvery }: RunnableFunction,
    swept: boolean,
    context: InvocationContext,
  ): void {
    const { name } = description;
    if (this.#warned.has(name)) return;
    this.#warned.add(name);
    if (context.functionName !== name) {
      context.warn(
        `Function "${context.functionName}" runs the pipeline "${name}": metrics and wake-ups call it that.`,
      );
    }
    const idle = pipeline.plan.source.time?.idle !== undefined;
    if (swept || (!idle && commitEvery === 0)) return;
    const what = idle ? "closes windows in silence (idle)" : "gathers events for a commit (commit.every)";
    context.warn(
      `"${name}" ${what}, and nothing wakes it after its process has ended: register ` +
        "app.storageQueue(name, wakeUps()) and app.timer(name, sweep()).",
    );
  }

  async #drain(milliseconds: number): Promise<void> {
    this.#ending.abort(shuttingDown());
    await this.#within(milliseconds, Promise.allSettled(this.#running));
    this.#stop.abort(shuttingDown());
    await this.#within(CLOSE_MS, this.#close());
  }

  async #close(): Promise<void> {
    const slots = await Promise.allSettled(this.#slots.values());
    await Promise.allSettled(slots.map((slot) => (slot.status === "fulfilled" ? slot.value.close() : undefined)));
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
