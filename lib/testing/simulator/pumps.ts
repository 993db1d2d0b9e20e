import type { HubEvent } from "../../engine/ports.ts";
import { type Cluster, type Process, SILENT, taskKey } from "./cluster.ts";
import type { SimFunction } from "./config.ts";
import { watchWork } from "./watch-work.ts";

/** One function on one partition, as the hosts of all instances together see it. */
export interface Trigger {
  readonly fn: SimFunction;
  readonly partition: number;
  /** The host's own checkpoint, which it moves whether or not a batch succeeded. */
  checkpoint: number;
  owner: Pump | undefined;
}

/** What an instance's host does for one partition that it owns, or believes to own. */
export interface Pump {
  readonly trigger: Trigger;
  readonly process: Process;
  cursor: number;
  /** Batches that were fetched before ownership went away. */
  prefetched: number;
  owned: boolean;
  skipNext: boolean;
  abandonNext: boolean;
  invocation: number;
}

/** How long a host may wait for more events before it hands over the first. */
const FETCH_MS = 500;

/** Gives functions their batches, one after the other for each partition, and keeps the host's checkpoints. */
export class Pumps {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Gives the next batch after some milliseconds, and so on. */
  soon(pump: Pump, milliseconds: number): void {
    pump.process.life.after("trigger", milliseconds, () => this.#next(pump));
  }

  #next(pump: Pump): void {
    if (!pump.owned && pump.prefetched-- <= 0) return;
    const { trigger, process } = pump;
    if (process.life.stop.signal.aborted) return;
    const { scheduler, settings } = this.#cluster;
    const hub = this.#cluster.hub(trigger.fn.hub);
    const events = hub.from(trigger.partition, pump.cursor, scheduler.between(1, settings.batch));
    if (events.length === 0) {
      hub.onPublish(trigger.partition, () => this.soon(pump, scheduler.between(1, FETCH_MS)));
      return;
    }
    this.#invoke(pump, events);
  }

  #invoke(pump: Pump, events: readonly HubEvent[]): void {
    const { process, trigger } = pump;
    const [from, to] = [(events[0] as HubEvent).sequenceNumber, (events.at(-1) as HubEvent).sequenceNumber];
    pump.cursor = to + 1;
    const does = pump.skipNext ? "'s host skips" : " is given";
    this.#cluster.tell?.(`${process.life.name}${does} ${taskKey(trigger.fn, trigger.partition)} from ${from} to ${to}`);
    if (pump.skipNext) {
      pump.skipNext = false;
      this.#checkpoint(pump);
      return;
    }
    const invocation = ++pump.invocation;
    const { signal, end } = process.life.shift(this.#cluster.settings.shift);
    const handled = this.#handle(pump, events, signal);
    const done = (failed: boolean): void => {
      end();
      if (!failed) this.#expectCommitted(trigger, (events.at(-1) as HubEvent).sequenceNumber + 1);
      if (pump.invocation !== invocation) return;
      if (failed && this.#cluster.settings.retries) {
        const again = (): void => {
          if (pump.invocation === invocation && pump.owned) this.#invoke(pump, events);
        };
        process.life.after("retry", this.#cluster.scheduler.between(1_000, 30_000), again);
      } else this.#checkpoint(pump);
    };
    watchWork(this.#cluster, process.life, "handle", handled, done);
    if (!pump.abandonNext) return;
    // The function timed out: the host goes on although it still runs.
    pump.abandonNext = false;
    pump.invocation++;
    this.#checkpoint(pump);
  }

  #handle({ process, trigger: { fn, partition } }: Pump, events: readonly HubEvent[], signal: AbortSignal) {
    const { settings } = this.#cluster;
    if (settings.waking === undefined) return this.#cluster.slotOf(process, fn, partition).task.handle(events, signal);
    return this.#cluster.employing(process, fn, partition, (slot) => slot.handle(events, SILENT));
  }

  /** A batch that was handled is in the log, whoever put it there. */
  #expectCommitted({ fn, partition }: Trigger, position: number): void {
    const { settings, committed, watch } = this.#cluster;
    const key = taskKey(fn, partition);
    const waits = settings.commitEvery > 0 || settings.faults.some(({ kind }) => kind === "reset");
    if (waits || (committed.get(key) ?? 0) >= position || watch.violations.length > 0) return;
    void this.#cluster.status(fn, partition).then((status) => {
      if ((status?.position ?? 0) < position) watch.violate(`${key} was handled up to ${position}, its log says less`);
    });
  }

  /** Written by whoever believes to own the partition: a stale owner sets it back. */
  #checkpoint(pump: Pump): void {
    const { trigger, cursor } = pump;
    this.#cluster.scheduler.after(this.#cluster.scheduler.between(1, 15), () => {
      trigger.checkpoint = cursor;
    });
    this.soon(pump, this.#cluster.scheduler.between(1, 10));
  }
}
