import { createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { EventContext } from "../../lib/engine/context.ts";
import type { Deferred } from "../../lib/engine/effects.ts";
import { Operator, type StageOpening } from "../../lib/engine/operator.ts";
import { Seclusion } from "../../lib/engine/seclusion.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { Task } from "../../lib/engine/task.ts";
import type { Pipeline } from "../../lib/stream/pipeline.ts";
import type { StageNode } from "../../lib/stream/plan.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import type { TestDriver } from "../../lib/testing/index.ts";
import { memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { MemoryHub } from "../../lib/testing/memory-hub.ts";
import { NO_CONNECTIONS } from "../../lib/testing/no-connections.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { SIGNAL } from "./one-partition.ts";

export class ProcessDied extends Error {}

/** Whether a value ends the process that gets it. */
export type Dies = (value: never) => boolean;

/** A stage that ends the process: what it throws leaves the engine, and no handler of the value's path sees it. */
class DeadlyOperator extends Operator implements Deferred {
  readonly #dies: Dies;
  readonly #onDeath: () => void;

  constructor(opening: StageOpening, dies: Dies, onDeath: () => void) {
    super(opening);
    this.#dies = dies;
    this.#onDeath = onDeath;
  }

  override process(value: unknown, context: EventContext): void {
    context.effects.count(this.counts.in);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    context.effects.defer(this, value, undefined, 0);
    this.next.process(value, context);
  }

  apply(value: unknown): void {
    if (!this.#dies(value as never)) return;
    this.#onDeath();
    throw new ProcessDied();
  }
}

/** A pipeline with a deadly stage more, in front of all others or behind them. */
export function withDeadly(
  { name, plan }: Pipeline,
  where: "first" | "last",
  dies: Dies,
  onDeath: () => void = () => undefined,
): Pipeline {
  const deadly: StageNode = {
    kind: "deadly",
    name: `deadly-${where}`,
    open: (opening) => new DeadlyOperator(opening, dies, onDeath),
  };
  const stages = where === "first" ? [deadly, ...plan.stages] : [...plan.stages, deadly];
  return { name, plan: { ...plan, stages } };
}

/** Gives a task its work again after every death; resolves to how many processes died. */
export async function survive(driver: TestDriver, most: number, work = () => driver.run()): Promise<number> {
  for (let deaths = 0; deaths <= most; deaths++) {
    try {
      driver.rewind(0);
      await work();
      return deaths;
    } catch (thrown) {
      if (!(thrown instanceof ProcessDied)) throw thrown;
      driver.restart();
    }
  }
  throw new Error(`it was not done after ${most} deaths`);
}

/** An app on two partitions, over storage and a hub that outlive its processes; `pipelineOf` gets what ends a process. */
export function twoPartitions<T>(
  pipelineOf: (die: () => void) => Pipeline,
  onAppend: (blob: string, bytes: number) => void = () => undefined,
) {
  const world = new VirtualWorld(Date.UTC(2030, 0, 1));
  const hub = new MemoryHub(2, world.now());
  const storage = memoryBlobs();
  const out = captureSink<T>("out", { kind: "memory", name: "out" });
  const side = captureSink<SideRecord>("$side", { kind: "memory", name: "side" });

  /** A process with a task for each partition; dead, it never hears of storage again. */
  const start = () => {
    let dead = false;
    const blobs = storage.via(async ({ call, blob, bytes }, proceed) => {
      if (dead) return new Promise(() => undefined);
      if (call === "append") onAppend(blob, bytes);
      const answer = proceed();
      await new Promise(setImmediate);
      return dead ? new Promise(() => undefined) : answer;
    });
    const checkpoints = createCheckpointStore({ blobs, world, limits: { attempts: 1 } });
    const { name, plan } = pipelineOf(() => {
      dead = true;
    });
    const seclusion = new Seclusion();
    const tasks = [0, 1].map((partition) => {
      const reader = hub.reader(partition);
      const tables = new TableCache(world, NO_CONNECTIONS);
      const shared = { world, checkpoints, reader, connections: NO_CONNECTIONS, tables, seclusion };
      const ports = { ...shared, sideOutput: side.sink, partition: String(partition), from: "earliest" } as const;
      return new Task({ name, plan: { ...plan, sinks: [out.sink] } }, { ...ports, onLoss: "stop" });
    });
    /** Handles all that there is; resolves to whether the process lived to tell. */
    const handleAll = async (): Promise<boolean> => {
      const handled = tasks.map((task, partition) => task.handle(hub.from(partition, 0), SIGNAL));
      const done = Promise.all(handled).then(() => true);
      done.catch(() => undefined);
      for (let turn = 0; turn < 200 && !dead; turn++) await new Promise(setImmediate);
      return dead ? false : done;
    };
    return { tasks, handleAll };
  };
  const publish = (partition: number, value: object): void => {
    hub.publish(partition, { body: Buffer.from(JSON.stringify(value)), enqueuedTime: world.now() });
  };
  return { hub, start, publish, values: out.values as readonly T[], side: side.values as readonly SideRecord[] };
}
