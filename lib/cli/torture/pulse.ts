import type { CheckpointStore } from "../../checkpoint/index.ts";
import { HubEnds } from "../hub-ends.ts";
import { every, type Repeated } from "../live/every.ts";
import { PIPELINES } from "../pipelines.ts";
import type { Cluster } from "./cluster.ts";
import type { OutageService } from "./schedule.ts";
import { type Stall, StallWatch, type TaskMoment } from "./stalls.ts";

const INTERVAL_MS = 500;
/** A commit may have been made and not told, because the worker was killed: then the log knows. */
const ASK_LOG_MS = 3000;

export interface PulseOptions {
  readonly connectionString: string;
  readonly cluster: Cluster;
  readonly logs: CheckpointStore;
  readonly away: ReadonlySet<OutageService>;
  readonly onStall: (stall: Stall) => void;
}

/** Looks twice a second how far each task is behind its hub, and which stand still. */
export class Pulse {
  readonly stalls: StallWatch = new StallWatch();
  /** Events that wait in hub `flights` for the slowest pipeline that reads it. */
  lag = 0;
  readonly #options: PulseOptions;
  readonly #hubs: HubEnds;
  readonly #moved = new Map<string, { position: number; at: number }>();
  #stopped = false;
  #loop: Repeated | undefined;

  constructor(options: PulseOptions) {
    this.#options = options;
    this.#hubs = new HubEnds(options.connectionString);
  }

  start(): void {
    this.#loop = every(INTERVAL_MS, () => this.#look());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop?.stop();
    await this.#hubs.close();
  }

  /** Where the hubs of all pipelines end, by hub and partition. */
  async ends(): Promise<ReadonlyMap<string, readonly number[]>> {
    const names = [...new Set(PIPELINES.map(({ hub }) => hub))];
    return new Map(await Promise.all(names.map(async (name) => [name, await this.#hubs.next(name)] as const)));
  }

  async #look(): Promise<void> {
    const ends = await this.ends();
    const moments: TaskMoment[] = [];
    let lag = 0;
    for (const { name, hub } of PIPELINES) {
      let behind = 0;
      for (const [partition, end] of (ends.get(hub) ?? []).entries()) {
        const position = await this.#position(name, String(partition), end);
        behind += Math.max(0, end - position);
        const task = `${name}/${partition}`;
        moments.push({ task, position, behind: position < end, calm: this.#calm(task) });
      }
      if (hub === "flights") lag = Math.max(lag, behind);
    }
    this.lag = lag;
    for (const stall of this.stalls.see(performance.now(), moments)) this.#options.onStall(stall);
  }

  async #position(pipeline: string, partition: string, end: number): Promise<number> {
    if (this.#stopped) return 0;
    const { cluster, logs, away } = this.#options;
    const task = `${pipeline}/${partition}`;
    const position = cluster.board.positions.get(task) ?? 0;
    const known = this.#moved.get(task);
    const now = performance.now();
    if (known?.position !== position) this.#moved.set(task, { position, at: now });
    else if (position < end && now - known.at > ASK_LOG_MS && !away.has("azurite")) {
      const status = await logs.peek({ pipeline, partition }).catch(() => undefined);
      if (status !== undefined && status.pendingFrames === 0) cluster.board.moved(task, status.position);
    }
    return cluster.board.positions.get(task) ?? 0;
  }

  /** While a service is away, or the owner is paused or being replaced, a task has an excuse. */
  #calm(task: string): boolean {
    const { cluster, away } = this.#options;
    if (away.size > 0) return false;
    const owner = cluster.instances.find(({ name }) => name === cluster.board.owners.get(task));
    return owner?.working ?? true;
  }
}
