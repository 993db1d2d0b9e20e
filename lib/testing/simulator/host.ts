import { TidemarkError } from "../../errors.ts";
import { type Cluster, type Process, taskKey } from "./cluster.ts";
import type { Death } from "./deadly.ts";
import type { Fault, Service } from "./faults.ts";
import type { Life } from "./life.ts";
import { type Pump, Pumps, type Trigger } from "./pumps.ts";
import { Wakers, type WakersHost } from "./wakers.ts";
import { watchWork } from "./watch-work.ts";

type Lie = "host-skip" | "host-abandon" | "host-repeat" | "host-rewind" | "host-jump";

/** How long a function may run. */
const FUNCTION_TIMEOUT_MS = 60_000;

/** How often an app is looked at again that should have come to rest. */
const SCALE_IN_TRIES = 30;

/** How often a task is offered to other processes when none has changed hands: after longer and longer, an outage may last. */
const RESORT_TRIES = 12;

/** The Functions hosts of all instances: they own partitions, give batches, and keep checkpoints that lie. */
export class Host {
  readonly #cluster: Cluster;
  readonly #processes: (Process | undefined)[];
  readonly #triggers: Trigger[];
  readonly #pumps: Pumps;
  readonly #wakers: Wakers | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#pumps = new Pumps(cluster);
    cluster.onFault = (fault, life) => this.#fault(fault, life);
    cluster.onDeath = (life, how) => this.#die(life, how);
    this.#processes = Array.from({ length: cluster.settings.instances }, (_, instance) => cluster.start(instance));
    this.#triggers = cluster.places.map(({ fn, partition }) => ({ fn, partition, checkpoint: 0, owner: undefined }));
    for (const trigger of this.#triggers) this.#assign(trigger);
    const { queue, settings, scheduler } = cluster;
    if (queue === undefined || settings.waking === undefined) return;
    const process = (): Process => this.#able() ?? this.#restart(0);
    const expect: WakersHost["expect"] = (life, what, work, done) => this.#expect(life, what, work, done);
    this.#wakers = new Wakers(cluster, queue, { process, expect });
    const { sweepEvery, until, scaleInAt } = settings.waking;
    if (sweepEvery !== undefined) this.#wakers.tickUntil(scheduler.now + until, sweepEvery);
    if (scaleInAt !== undefined) scheduler.after(scaleInAt, () => this.#scaleIn(SCALE_IN_TRIES));
  }

  /** Finds partitions that were added, as hosts do from time to time. */
  discover(): void {
    for (const { fn, partition } of this.#cluster.places) {
      if (this.#triggers.some((known) => known.fn === fn && known.partition === partition)) continue;
      const trigger: Trigger = { fn, partition, checkpoint: 0, owner: undefined };
      this.#triggers.push(trigger);
      this.#assign(trigger);
    }
  }

  /** When no task has changed hands: lets another process take one over, as soon as there is one that can. */
  resort(tried = 0): void {
    const { faults, scheduler, settings, takeOvers } = this.#cluster;
    const fault = settings.faults.find(({ resort }) => resort);
    if (fault === undefined || takeOvers > 0 || tried === RESORT_TRIES) return;
    const first = Math.floor(fault.value * this.#triggers.length);
    const trigger = this.#triggers[(first + (tried >> 1)) % this.#triggers.length] as Trigger;
    const owner = this.#cluster.openedBy(trigger.fn, trigger.partition);
    const but = this.#processes.find((process) => process?.life === owner);
    const happens = fault.kind === "takeover" ? this.#takeOver(trigger, but) : this.#assign(trigger, but);
    if (happens) faults.happened(fault);
    scheduler.after(1_000 * 2 ** tried, () => this.resort(tried + 1));
  }

  /** Does once what a timer does from time to time: wakes the tasks that have something left to do. */
  sweep(): void {
    const { waking } = this.#cluster.settings;
    if (waking?.sweepEvery !== undefined) {
      this.#cluster.scheduler.after(waking.sweepEvery, () => this.#wakers?.tick());
      return;
    }
    for (const trigger of this.#triggers) {
      const process = this.#able() ?? this.#restart(0);
      const { task } = this.#cluster.slotOf(process, trigger.fn, trigger.partition);
      const wake = async (): Promise<void> => {
        if (await task.needsWaking()) await task.wake(process.life.stop.signal);
      };
      process.life.after("sweep", this.#cluster.scheduler.between(0, 500), () =>
        this.#expect(process.life, "wake", wake()),
      );
    }
  }

  /** Ends what faults began: everybody wakes, and every instance runs. */
  calm(): void {
    this.#cluster.faults.calm();
    for (const instance of this.#processes.keys()) if (!this.#processes[instance]?.life.alive) this.#restart(instance);
    for (const trigger of this.#triggers) if (!trigger.owner?.process.life.alive) this.#assign(trigger);
  }

  #restart(instance: number): Process {
    const process = this.#cluster.start(instance);
    this.#processes[instance] = process;
    return process;
  }

  /** An instance that runs and is not paused. */
  #able(but?: Process): Process | undefined {
    const able = this.#processes.filter(
      (one) => one !== undefined && one !== but && one.life.alive && !one.life.paused && !one.life.stop.signal.aborted,
    );
    return able.length === 0 ? undefined : this.#cluster.scheduler.pick(able);
  }

  #assign(trigger: Trigger, but?: Process): boolean {
    const process = this.#able(but);
    if (process === undefined) return false;
    const before = trigger.owner;
    if (before !== undefined) {
      before.owned = false;
      before.prefetched = this.#cluster.scheduler.chance(0.4) ? 1 : 0;
    }
    const { checkpoint: cursor } = trigger;
    const state = { owned: true, prefetched: 0, skipNext: false, abandonNext: false, invocation: 0 };
    const pump: Pump = { trigger, process, cursor, ...state };
    trigger.owner = pump;
    this.#cluster.tell?.(`${taskKey(trigger.fn, trigger.partition)} is given to ${process.life.name}`);
    this.#pumps.soon(pump, 5);
    return true;
  }

  #at(trigger: Trigger) {
    const { scheduler, settings } = this.#cluster;
    return { scheduler, settings, hub: this.#cluster.hub(trigger.fn.hub) };
  }

  #expect(life: Life, what: string, work: Promise<unknown>, done?: (failed: boolean) => void): void {
    watchWork(this.#cluster, life, what, work, done);
  }

  #fault(fault: Fault, life: Life): void {
    if (this.#happens(fault, life)) this.#cluster.faults.happened(fault);
  }

  /** Lets a fault happen; false when it cannot, or when it waits for a call of its service. */
  #happens(fault: Fault, life: Life): boolean {
    const { kind, value } = fault;
    const trigger = this.#triggers[Math.floor(value * this.#triggers.length)] as Trigger;
    switch (kind) {
      case "crash":
        return this.#crash(life);
      case "zombie":
        return this.#pause(life, 300 * 4_000 ** value);
      case "drain":
        return this.#drain(life, 8_000 * value);
      case "clock":
        return this.#setClock(life, Math.round((value - 0.5) * 600_000));
      case "rebalance":
        return this.#assign(trigger, trigger.owner?.process);
      case "takeover":
        return this.#takeOver(trigger);
      case "host-skip":
      case "host-abandon":
      case "host-repeat":
      case "host-rewind":
      case "host-jump":
        return trigger.owner !== undefined && this.#lie(kind, trigger, trigger.owner);
      case "retention":
        return this.#expire(trigger, 0);
      case "retention-loss":
        return this.#expire(trigger, Math.ceil(value * 12));
      case "reset":
        return this.#reset(trigger);
      case "message-drop":
      case "message-twice":
      case "message-delay":
      case "message-early":
        return this.#cluster.queue?.spoil(kind.slice("message-".length) as "drop", value) ?? false;
      default:
        return this.#disturb(fault);
    }
  }

  #disturb(fault: Fault): boolean {
    const { faults } = this.#cluster;
    const [service, mishap] = fault.kind.split("-", 2) as [Service, string];
    // As a rule a minute at most, now and then ten.
    const long = fault.value > 0.9 ? 600_000 : 60_000;
    if (mishap === "outage") faults.outage(service, long * fault.value);
    else if (mishap === "narrow") faults.narrow(120_000 * fault.value);
    else faults.arm(service, fault);
    return mishap === "outage" || mishap === "narrow";
  }

  #setClock(life: Life, change: number): boolean {
    const { skew } = this.#cluster.settings;
    life.clockOffset = Math.max(-skew, Math.min(skew, life.clockOffset + change));
    this.#cluster.tell?.(`the clock of ${life.name} is ${life.clockOffset / 1_000} s off`);
    return true;
  }

  #lie(kind: Lie, trigger: Trigger, owner: Pump): boolean {
    if (kind === "host-skip") owner.skipNext = true;
    if (kind === "host-abandon") owner.abandonNext = true;
    if (kind === "host-repeat") {
      trigger.checkpoint = Math.max(0, trigger.checkpoint - this.#cluster.scheduler.between(1, 30));
      owner.cursor = Math.min(owner.cursor, trigger.checkpoint);
    }
    if (kind === "host-rewind") owner.cursor = trigger.checkpoint = 0;
    if (kind === "host-jump") owner.cursor = trigger.checkpoint = this.#at(trigger).hub.next(trigger.partition);
    return true;
  }

  #crash(life: Life, noticedAfter = 0): boolean {
    life.alive = false;
    this.#cluster.tell?.(`${life.name} dies`);
    const { scheduler } = this.#cluster;
    const { instance } = life;
    scheduler.after(noticedAfter + scheduler.between(500, 20_000), () => {
      if (!this.#processes[instance]?.life.alive) this.#restart(instance);
      this.#adopt();
    });
    scheduler.after(noticedAfter + scheduler.between(1_000, 30_000), () => this.#adopt());
    return true;
  }

  /** User code ended the worker process; its host lives, and may take the batch for done. */
  #die(life: Life, how: Death): void {
    if (!life.alive) return;
    this.#crash(life, how === "loop" ? FUNCTION_TIMEOUT_MS : 0);
    this.#cluster.faults.happened({ kind: how === "loop" ? "endless-loop" : "out-of-memory" });
    if (this.#cluster.settings.retries) return;
    for (const trigger of this.#triggers) {
      if (trigger.owner?.process.life === life) trigger.checkpoint = trigger.owner.cursor;
    }
  }

  #pause(life: Life, milliseconds: number): boolean {
    const { scheduler } = this.#cluster;
    life.wakesAt = scheduler.now + Math.ceil(milliseconds);
    this.#cluster.tell?.(`${life.name} sleeps for ${(milliseconds / 1_000).toFixed(1)} s`);
    scheduler.after(scheduler.between(200, 10_000), () => this.#adopt());
    scheduler.after(milliseconds + 1, () => this.#adopt());
    return true;
  }

  #drain(life: Life, milliseconds: number, end: () => void = () => this.#crash(life)): boolean {
    const process = this.#processes[life.instance];
    if (process?.life !== life) return false;
    life.after("drain", milliseconds, () => {
      this.#cluster.tell?.(`${life.name} is told to stop`);
      life.stop.abort(new TidemarkError("UNAVAILABLE", "The app is shutting down.", { retryable: true }));
      const closed = Promise.allSettled([...process.slots.values()].map((slot) => slot.close()));
      void closed.then(end);
      life.after("kill", 2_000, end);
    });
    return true;
  }

  /** Nothing comes any more, so no instance stays: whoever wants something done has to start one. */
  #scaleIn(tries: number): void {
    const { scheduler } = this.#cluster;
    const busy = this.#triggers.some((trigger) => trigger.checkpoint < this.#at(trigger).hub.next(trigger.partition));
    if (busy && tries > 0) {
      scheduler.after(20_000, () => this.#scaleIn(tries - 1));
      return;
    }
    for (const [instance, process] of this.#processes.entries()) {
      if (process?.life.alive) this.#drain(process.life, 0, () => this.#leave(instance, process));
    }
  }

  #leave(instance: number, process: Process): void {
    process.life.alive = false;
    if (this.#processes[instance] === process) this.#processes[instance] = undefined;
  }

  /** Partitions whose owner is gone get another. */
  #adopt(): void {
    for (const trigger of this.#triggers) {
      const owner = trigger.owner?.process;
      if (owner === undefined || !owner.life.alive || owner.life.paused) this.#assign(trigger);
    }
  }

  #takeOver(trigger: Trigger, but = trigger.owner?.process): boolean {
    const process = this.#able(but);
    if (process === undefined) return false;
    const { fn, partition } = trigger;
    const { life } = process;
    this.#cluster.tell?.(`${life.name} is asked to take ${taskKey(fn, partition)} over`);
    const catchUp = () => this.#cluster.employing(process, fn, partition, ({ task }) => task.catchUp(life.stop.signal));
    life.after("take over", 1, () => this.#expect(life, "catchUp", catchUp()));
    return true;
  }

  /** Removes what all functions have processed, or a few events more. */
  #expire({ fn, partition }: Trigger, more: number): boolean {
    const hub = this.#cluster.hub(fn.hub);
    const readers = this.#cluster.app.functions.filter((one) => one.hub === fn.hub);
    // What upstream tasks sent must not be lost: its sequences would show a gap that is none of the reader's.
    const upstream = readers.some((one) => one.pipeline.plan.source.time?.watermark.kind === "upstream");
    if (more > 0 && upstream) return false;
    const done = readers.map((one) => this.#cluster.committed.get(taskKey(one, partition)) ?? 0);
    const resettable = this.#cluster.settings.faults.some(({ kind }) => kind === "reset");
    if (resettable || Math.min(...done) === 0) return false;
    if (more > 0 && more % 2 === 0) hub.expireUnderReader(partition, more);
    else hub.expire(partition, Math.min(...done) + more);
    return true;
  }

  /** Only where nobody downstream counts what the task sends. */
  #reset({ fn, partition }: Trigger): boolean {
    if (fn.pipeline.plan.sinks.some(({ kind }) => kind !== "cosmos" && kind !== "files")) return false;
    void this.#cluster.reset(fn, partition);
    return true;
  }
}
