import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import { createCheckpointStore } from "../../checkpoint/index.ts";
import { Seclusion } from "../../engine/seclusion.ts";
import type { Connections } from "../../engine/sink.ts";
import { TableCache } from "../../engine/tables.ts";
import { Task } from "../../engine/task.ts";
import { sideOutput } from "../../sinks/side-output.ts";
import { EventHubReader } from "../../sources/event-hub-reader.ts";
import { readBounds } from "../../sources/hub-bounds.ts";
import { type MemoryBlobs, memoryBlobs } from "../memory-blobs.ts";
import { VirtualWorld } from "../virtual-world.ts";
import type { SimApp, SimFunction, SimSettings } from "./config.ts";
import { type Fault, Faults } from "./faults.ts";
import { Life } from "./life.ts";
import { Scheduler } from "./scheduler.ts";
import { blobsOf, SimBlobContainer, simBlobService } from "./sim-blobs.ts";
import { SimContainer, simCosmosClient } from "./sim-cosmos.ts";
import { SimHub } from "./sim-hub.ts";
import { Watch } from "./watch.ts";

/** Where virtual time begins. */
export const START_TIME: number = Date.UTC(2030, 0, 1);

/** The container of dead letters and late events, and that of sinks of files. */
const TIDEMARK_CONTAINER = "tidemark";
export const FILES_CONTAINER = "files";

/** A process with the tasks that it has opened. */
export interface Process {
  readonly life: Life;
  readonly tasks: Map<string, Task>;
  readonly makeTask: (fn: SimFunction, partition: number) => Task;
}

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
  readonly files: SimBlobContainer;
  readonly watch: Watch = new Watch();
  /** How far each task of each function was ever committed and delivered, by `taskKey`. */
  readonly committed = new Map<string, number>();
  /** What happens when a process is about to go on and a fault's time has come; the host sets it. */
  onFault: (fault: Fault, life: Life) => void = () => undefined;
  readonly #blobs: MemoryBlobs = memoryBlobs();
  readonly #admin: ReturnType<typeof createCheckpointStore>;
  #lives = 0;

  constructor(app: SimApp, settings: SimSettings) {
    this.app = app;
    this.settings = settings;
    this.scheduler = new Scheduler(START_TIME, settings.seed);
    this.faults = new Faults(this.scheduler, settings.faults);
    this.hubs = new Map(app.hubs.map((options) => [options.name, new SimHub(this.scheduler, options)]));
    this.containers = app.containers.map(
      (options) => new SimContainer(options, (written) => this.watch.document(written)),
    );
    this.side = new SimBlobContainer((name, before, after) => this.watch.sideBlob(name, before, after));
    this.files = new SimBlobContainer((name, before, after) =>
      this.watch.file(name, before, after, (path) => this.files.blobs.has(path)),
    );
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

  /** Looks at a log from outside, when nothing moves. */
  status(fn: SimFunction, partition: number): Promise<LogStatus | undefined> {
    return this.#admin.peek({ pipeline: fn.pipeline.name, partition: String(partition) });
  }

  /** An operator resets a task's log. */
  async reset(fn: SimFunction, partition: number): Promise<void> {
    await this.#admin.reset({ pipeline: fn.pipeline.name, partition: String(partition) });
    this.committed.delete(taskKey(fn, partition));
  }

  /** Starts a process on an instance. */
  start(instance: number): Process {
    const { scheduler, faults, settings } = this;
    const gate = (life: Life): void => {
      for (let fault = faults.settle(); fault !== undefined; fault = faults.settle()) this.onFault(fault, life);
    };
    const life = new Life(instance, (settings.seed ^ 0x11fe) + 7919 * ++this.#lives, { scheduler, faults, gate });
    const connections = this.#connections(life);
    const tables = new TableCache(life, connections);
    const seclusion = new Seclusion();
    const checkpoints = createCheckpointStore({
      blobs: blobsOf(this.#blobs, life),
      world: life,
      limits: settings.limits,
    });
    const consumers = new Map([...this.hubs].map(([name, hub]) => [name, hub.consumer(life)]));
    const makeTask = (fn: SimFunction, partition: number): Task => {
      const key = taskKey(fn, partition);
      const consumer = consumers.get(fn.hub) as ReturnType<SimHub["consumer"]>;
      return new Task(fn.pipeline, {
        partition: String(partition),
        world: life,
        checkpoints,
        reader: new EventHubReader({
          client: async () => consumer,
          partition: String(partition),
          partitions: this.hub(fn.hub).partitions,
          sleep: (milliseconds, signal) => life.sleep(milliseconds, signal),
        }),
        connections,
        sideOutput: sideOutput(),
        tables,
        seclusion,
        from: "earliest",
        onLoss: settings.onLoss,
        commitEvery: settings.commitEvery,
        onCommit: ({ position }) => this.committed.set(key, Math.max(position, this.committed.get(key) ?? 0)),
      });
    };
    return { life, tasks: new Map(), makeTask };
  }

  #connections(life: Life): Connections {
    const cosmos = simCosmosClient(this.containers, life);
    const blobs = simBlobService({ [TIDEMARK_CONTAINER]: this.side, [FILES_CONTAINER]: this.files }, life);
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
        return readBounds(producers.get(name) as ReturnType<SimHub["producer"]>, partition);
      },
    };
  }
}

export function taskKey(fn: SimFunction, partition: number): string {
  return `${fn.pipeline.name}/${partition}`;
}
