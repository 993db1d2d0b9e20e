import { type Log, Slot } from "../../azure/slot.ts";
import { TIMING } from "../../azure/timing.ts";
import { WakeUpRequests } from "../../azure/wake-up-requests.ts";
import type { CheckpointStore, LogStatus } from "../../checkpoint/checkpoint-log.ts";
import { createCheckpointStore } from "../../checkpoint/index.ts";
import { Seclusion } from "../../engine/seclusion.ts";
import type { Connections } from "../../engine/sink.ts";
import { TableCache } from "../../engine/tables.ts";
import { Task, type TaskPorts } from "../../engine/task.ts";
import { sideOutput } from "../../sinks/side-output.ts";
import { EventHubReader } from "../../sources/event-hub-reader.ts";
import { type Limit, readBounds } from "../../sources/hub-bounds.ts";
import { type MemoryBlobs, memoryBlobs } from "../memory-blobs.ts";
import { VirtualWorld } from "../virtual-world.ts";
import { BusyCheck } from "./busy-check.ts";
import type { SimApp, SimFunction, SimSettings } from "./config.ts";
import { type Death, deadlyPipeline } from "./deadly.ts";
import { type Fault, Faults } from "./faults.ts";
import { type FileStore, fileStoreOf } from "./file-store.ts";
import { Life } from "./life.ts";
import { Scheduler } from "./scheduler.ts";
import { blobsOf, SimBlobContainer, simBlobService } from "./sim-blobs.ts";
import { SimContainer, simCosmosClient } from "./sim-cosmos.ts";
import { SimHub } from "./sim-hub.ts";
import { SimQueue } from "./sim-queue.ts";
import { Watch } from "./watch.ts";
import { WatchedSeclusion } from "./watched-seclusion.ts";

/** Where virtual time begins. */
export const START_TIME: number = Date.UTC(2030, 0, 1);

/** The container of dead letters and late events. */
const TIDEMARK_CONTAINER = "tidemark";

/** A process with the tasks that it has opened. */
export interface Process {
  readonly life: Life;
  readonly slots: Map<string, Slot>;
  readonly makeSlot: (fn: SimFunction, partition: number) => Slot;
  /** Tasks that are only looked after, and those that are given something to do; by `taskKey`, how often at the moment. */
  readonly attended: Map<string, number>;
  readonly employed: Map<string, number>;
}

/** Nobody listens to what a simulated process says. */
export const SILENT: Log = { debug: () => undefined, warn: () => undefined };

const QUEUE = "tidemark-wake-ups";

/** No real clock may end a request here. */
const NO_LIMIT: Limit = () => undefined;

/** The simulated world: services that outlive processes, and processes on several instances. */
export class Cluster {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  readonly settings: SimSettings;
  readonly app: SimApp;
  readonly hubs: ReadonlyMap<string, SimHub>;
  readonly containers: readonly SimContainer[];
  readonly side: SimBlobContainer;
  /** What sinks of files write to. */
  readonly files: FileStore;
  readonly watch: Watch;
  /** Undefined where nobody wants to know what happens. */
  readonly tell: ((what: string) => void) | undefined;
  /** Of wake-ups, when this run has them. */
  readonly queue: SimQueue | undefined;
  readonly #busy: BusyCheck;
  /** How far each task of each function was ever committed and delivered, by `taskKey`. */
  readonly committed = new Map<string, number>();
  /** Whether any task had committed when a hub grew: whoever begins later finds keys on two partitions, and no sign of it. */
  begunBeforeGrowth = false;
  /** How often somebody refused to go on because partitions were added. */
  refusals = 0;
  /** What happens when a process is about to go on and a fault's time has come; the host sets it. */
  onFault: (fault: Fault, life: Life) => void = () => undefined;
  /** What happens when user code ends its process; the host sets it. */
  onDeath: (life: Life, how: Death) => void = () => undefined;
  readonly #blobs: MemoryBlobs = memoryBlobs();
  readonly #admin: ReturnType<typeof createCheckpointStore>;
  /** How often a process opened a task's log that another process had opened before. */
  takeOvers = 0;
  readonly #owners = new Map<string, Life>();
  #lives = 0;

  constructor(app: SimApp, settings: SimSettings) {
    this.app = app;
    this.settings = settings;
    this.scheduler = new Scheduler(START_TIME, settings.seed);
    const { tell } = settings;
    this.tell = tell && ((what) => tell(this.scheduler.now, what));
    this.watch = new Watch(this.tell);
    this.faults = new Faults(this.scheduler, settings.faults, this.tell);
    this.hubs = new Map(app.hubs.map((options) => [options.name, new SimHub(this.scheduler, options)]));
    this.containers = app.containers.map(
      (options) => new SimContainer(options, (written) => this.watch.document(written)),
    );
    this.side = new SimBlobContainer((name, before, after) => this.watch.sideBlob(name, before, after));
    this.files = fileStoreOf(app, this.watch);
    this.queue = settings.waking && new SimQueue(this.scheduler, QUEUE);
    this.#busy = new BusyCheck(this.watch, TIMING.patience);
    const world = new VirtualWorld(START_TIME, settings.seed);
    this.#admin = createCheckpointStore({ blobs: this.#blobs, world });
  }

  hub(name: string): SimHub {
    const hub = this.hubs.get(name);
    if (hub === undefined) throw new Error(`There is no hub "${name}" in this simulation.`);
    return hub;
  }

  /** Every task that there is. */
  get places(): readonly { readonly fn: SimFunction; readonly partition: number }[] {
    return this.app.functions.flatMap((fn) =>
      Array.from({ length: this.hub(fn.hub).partitions }, (_, partition) => ({ fn, partition })),
    );
  }

  /** The process that opened a task's log last. */
  openedBy(fn: SimFunction, partition: number): Life | undefined {
    return this.#owners.get(taskKey(fn, partition));
  }

  /** Looks at a log from outside, when nothing moves. */
  status(fn: SimFunction, partition: number): Promise<LogStatus | undefined> {
    return this.#admin.peek({ pipeline: fn.pipeline.name, partition: String(partition) });
  }

  /** An operator resets a task's log. */
  async reset(fn: SimFunction, partition: number): Promise<void> {
    await this.#admin.reset({ pipeline: fn.pipeline.name, partition: String(partition) });
    this.tell?.(`an operator has reset the log of ${taskKey(fn, partition)}`);
    this.committed.delete(taskKey(fn, partition));
  }

  /** Starts a process on an instance. */
  start(instance: number): Process {
    const { scheduler, faults, settings } = this;
    const gate = (life: Life): void => {
      for (let fault = faults.settle(); fault !== undefined; fault = faults.settle()) this.onFault(fault, life);
    };
    const number = ++this.#lives;
    const context = { scheduler, faults, gate, name: `process ${number} on instance ${instance}`, tell: this.tell };
    const life = new Life(instance, (settings.seed ^ 0x11fe) + 7919 * number, context);
    this.tell?.(`${life.name} begins`);
    if (settings.skewed) life.clockOffset = Math.round((2 * life.random() - 1) * settings.skew);
    const connections = this.#connections(life);
    const tables = new TableCache(life, connections);
    const seclusion = new Seclusion();
    const trying = new Set<string>();
    const die = (task: string, how: Death): void => {
      const others = [...trying].filter((one) => life.alive && one !== task);
      for (const other of others) this.watch.violate(`${task} ended its process while ${other} tried something alone`);
      this.onDeath(life, how);
    };
    const attended = new Map<string, number>();
    const employed = new Map<string, number>();
    const isVisitor = (task: string): boolean => (attended.get(task) ?? 0) > 0 && (employed.get(task) ?? 0) === 0;
    const checkpoints = this.#checkpoints(life, isVisitor);
    const wakeUps = this.#wakeUps(life);
    const consumers = new Map([...this.hubs].map(([name, hub]) => [name, hub.consumer(life)]));
    const makeTask = (fn: SimFunction, partition: number, ports: Pick<TaskPorts, "wakeAt" | "onCommit">): Task => {
      const key = taskKey(fn, partition);
      const consumer = consumers.get(fn.hub) as ReturnType<SimHub["consumer"]>;
      const { deathOf } = this.app;
      const pipeline =
        deathOf === undefined ? fn.pipeline : deadlyPipeline(fn.pipeline, deathOf, (how) => die(key, how));
      return new Task(pipeline, {
        partition: String(partition),
        world: life,
        checkpoints,
        reader: new EventHubReader({
          client: async () => consumer,
          partition: String(partition),
          partitions: this.hub(fn.hub).partitions,
          sleep: (milliseconds, signal) => life.sleep(milliseconds, signal),
          limit: NO_LIMIT,
        }),
        connections,
        sideOutput: sideOutput(),
        tables,
        seclusion: new WatchedSeclusion(seclusion, key, trying),
        from: "earliest",
        onLoss: settings.onLoss,
        commitEvery: settings.commitEvery,
        onCommit: (metrics) => {
          this.committed.set(key, Math.max(metrics.position, this.committed.get(key) ?? 0));
          this.tell?.(`${life.name} has committed and delivered ${key} up to ${metrics.position}`);
          this.app.onFrame?.(this, metrics);
          if (settings.waking) ports.onCommit?.(metrics);
        },
        ...(settings.waking && ports.wakeAt ? { wakeAt: ports.wakeAt } : {}),
      });
    };
    const makeSlot = (fn: SimFunction, partition: number): Slot =>
      new Slot((ports) => makeTask(fn, partition, ports), {
        world: life,
        stop: life.stop.signal,
        restAfter: TIMING.restAfter,
        patience: Math.max(TIMING.patience, 2 * settings.commitEvery),
        wakeAt: async (time, position) =>
          wakeUps?.ask({ function: fn.pipeline.name, partition: String(partition), position }, time) ?? time,
        // What it does by its alarms is work of its own, and no visit.
        running: (work) => void during(employed, taskKey(fn, partition), () => work),
        log: SILENT,
      });
    return { life, slots: new Map(), makeSlot, attended, employed };
  }

  slotOf(process: Process, fn: SimFunction, partition: number): Slot {
    const key = taskKey(fn, partition);
    const slot = process.slots.get(key) ?? process.makeSlot(fn, partition);
    process.slots.set(key, slot);
    return slot;
  }

  /** Lets a process look after a task, which must not disturb whoever owns it. */
  attending<T>(process: Process, fn: SimFunction, partition: number, work: (slot: Slot) => Promise<T>): Promise<T> {
    return during(process.attended, taskKey(fn, partition), () => work(this.slotOf(process, fn, partition)));
  }

  /** Lets a process do with a task what a trigger asks for. */
  employing<T>(process: Process, fn: SimFunction, partition: number, work: (slot: Slot) => Promise<T>): Promise<T> {
    return during(process.employed, taskKey(fn, partition), () => work(this.slotOf(process, fn, partition)));
  }

  #checkpoints(life: Life, isVisitor: (task: string) => boolean): CheckpointStore {
    const { scheduler, settings } = this;
    const options = { world: life, limits: settings.limits };
    if (settings.waking === undefined) {
      return this.#noted(createCheckpointStore({ ...options, blobs: blobsOf(this.#blobs, life) }), life);
    }
    const blobs = blobsOf(this.#blobs, life, (call) => this.#busy.appended(call, life, scheduler.now));
    const store = this.#noted(createCheckpointStore({ ...options, blobs }), life);
    return {
      peek: (task) => {
        this.#busy.looked(`${task.pipeline}/${task.partition}`, life, scheduler.now);
        return store.peek(task);
      },
      open: (task, shape, start) => {
        const key = `${task.pipeline}/${task.partition}`;
        if (isVisitor(key)) this.#busy.opened(key, life);
        return store.open(task, shape, start);
      },
    };
  }

  /** A store that takes note of who opened what. */
  #noted(store: CheckpointStore, life: Life): CheckpointStore {
    return {
      peek: (task) => store.peek(task),
      open: async (task, shape, start) => {
        const log = await store.open(task, shape, start);
        const key = `${task.pipeline}/${task.partition}`;
        const before = this.#owners.get(key);
        if (before !== undefined && before !== life) this.takeOvers++;
        this.#owners.set(key, life);
        const { generation, sequence, position } = log.recovered;
        this.tell?.(`${life.name} opens the log of ${key} behind frame ${generation}-${sequence}, at ${position}`);
        return log;
      },
    };
  }

  #wakeUps(life: Life): WakeUpRequests | undefined {
    const { queue } = this;
    if (queue === undefined) return undefined;
    const client = queue.client(life);
    const { headStart } = TIMING;
    return new WakeUpRequests({
      world: life,
      client: async () => client,
      queue: QUEUE,
      headStart,
      onTrouble: () => undefined,
    });
  }

  #connections(life: Life): Connections {
    const cosmos = simCosmosClient(this.containers, life);
    const blobs = simBlobService({ [TIDEMARK_CONTAINER]: this.side, ...this.files.containers }, life);
    const producers = new Map([...this.hubs].map(([name, hub]) => [name, hub.producer(life)]));
    return {
      cosmos: async () => cosmos,
      eventHubProducer: async (_connection, name) => {
        this.hub(name);
        return producers.get(name) as ReturnType<SimHub["producer"]>;
      },
      blobs: async () => blobs,
      hubBounds: async (_connection, name, partition) => {
        this.hub(name);
        return readBounds(producers.get(name) as ReturnType<SimHub["producer"]>, partition, NO_LIMIT);
      },
    };
  }
}

function during<T>(counts: Map<string, number>, key: string, work: () => Promise<T>): Promise<T> {
  counts.set(key, (counts.get(key) ?? 0) + 1);
  return work().finally(() => counts.set(key, (counts.get(key) ?? 1) - 1));
}

export function taskKey(fn: SimFunction, partition: number): string {
  return `${fn.pipeline.name}/${partition}`;
}
