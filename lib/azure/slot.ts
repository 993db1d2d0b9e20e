import type { InvocationContext } from "@azure/functions";
import { isFenced } from "../engine/contention.ts";
import type { CommitMetrics } from "../engine/meter.ts";
import type { HubEvent, World } from "../engine/ports.ts";
import type { Look, Task, TaskPorts } from "../engine/task.ts";
import { messageOf } from "../errors.ts";
import { formatCommitLine, LatencyHistogram, METRIC_PREFIX } from "../telemetry/metrics.ts";
import { Alarm } from "./alarm.ts";
import { type Attended, attend } from "./waker.ts";

/** Who is told of commits and troubles: the context of an invocation, or the console between invocations. */
export type Log = Pick<InvocationContext, "debug" | "warn">;

export interface SlotOptions {
  readonly world: World;
  readonly stop: AbortSignal;
  /** Milliseconds of quiet after which a delivery is confirmed in the log; undefined leaves it to the next commit. */
  readonly restAfter: number | undefined;
  /** Milliseconds between two looks at the log of a task that somebody else may own. */
  readonly patience: number;
  /** Asks for a message at a time by the clock. */
  readonly wakeAt: NonNullable<TaskPorts["wakeAt"]>;
  /** Takes note of work that a shutdown has to wait for. */
  readonly running: (work: Promise<void>) => void;
  /** Who is told what happens between invocations; default: the console. */
  readonly log?: Log;
}

/** A task in this process: its batches, what it does by the clock between them, and what is said of its commits. */
export class Slot {
  readonly task: Task;
  readonly #options: SlotOptions;
  /** Commits what waited long enough. */
  readonly #flush: Alarm;
  /** Says in the log that all was delivered, so that nobody takes the task over for that. */
  readonly #rest: Alarm;
  /** Closes windows when silence has made them due. */
  readonly #idle: Alarm;
  #log: Log;
  readonly #own: Log;
  #batch: readonly HubEvent[] = [];
  /** Of the task, as its last commit left it. */
  #position: number | undefined;
  /** Whether a trigger brings its batches here. */
  #triggered = false;
  #quiet: Look | undefined;
  /** Of the event that holds the partition back, what was said last. */
  #held = "";

  constructor(makeTask: (ports: Required<Pick<TaskPorts, "wakeAt" | "onCommit">>) => Task, options: SlotOptions) {
    const { world, wakeAt } = options;
    this.#options = options;
    this.#own = options.log ?? console;
    this.#log = this.#own;
    this.#flush = new Alarm(world, () => this.#byItself((signal) => this.task.flush(signal)));
    this.#rest = new Alarm(world, () => this.#byItself((signal) => this.#wakeIfHeld(signal)));
    this.#idle = new Alarm(world, () => this.#byItself((signal) => this.#wakeIfHeld(signal)));
    this.task = makeTask({
      onCommit: (metrics) => this.#report(metrics),
      wakeAt: async (time, position) => {
        if (this.#triggered) this.#idle.set(time);
        return wakeAt(time, position);
      },
    });
  }

  /** Processes a trigger's batch; resolves when it is committed and delivered, or waits for its commit. */
  async handle(events: readonly HubEvent[], log: Log): Promise<void> {
    this.#triggered = true;
    this.#batch = events;
    await this.#saying(log, () => this.task.handle(events, this.#options.stop));
    this.#setAlarms();
  }

  /** Looks after the task, and wakes it when that is needed. */
  async attend(log: Log, signal: AbortSignal): Promise<Attended> {
    const { world, patience } = this.#options;
    const looking = async (): Promise<Attended> => {
      const attended = await attend(this.task, { world, patience, previous: this.#quiet }, signal);
      this.#quiet = attended.look.need === "nothing" ? attended.look : undefined;
      // Its events go to another process: what it remembers here would only grow old.
      if (attended.outcome === "woken" && !this.#triggered) await this.task.close();
      return attended;
    };
    // The commits of a batch in hand are its own invocation's to hear of.
    return this.#log === this.#own ? this.#saying(log, looking) : looking();
  }

  /** Answers a message that asks to wake the task; one that came too early asks once more. */
  async answer(log: Log, signal: AbortSignal): Promise<void> {
    const { outcome, look } = await this.attend(log, signal);
    if (outcome !== "quiet" || look.idleDue === undefined) return;
    await this.#options.wakeAt(look.idleDue, look.position);
  }

  async close(): Promise<void> {
    for (const alarm of [this.#flush, this.#rest, this.#idle]) alarm.cancel();
    await this.task.close();
  }

  #setAlarms(): void {
    const { world, restAfter } = this.#options;
    const { flushDue, unconfirmed } = this.task;
    if (flushDue !== undefined) this.#flush.set(flushDue);
    if (unconfirmed && restAfter !== undefined) this.#rest.set(world.now() + restAfter);
  }

  /** Works without an invocation. What fails here is done again by the next batch, message or sweep. */
  #byItself(work: (signal: AbortSignal) => Promise<void>): void {
    // A batch in hand sets the alarms anew when it is done.
    if (this.task.busy || this.#options.stop.aborted) return;
    const done = work(this.#options.stop).then(
      () => this.#setAlarms(),
      (thrown: unknown) => {
        if (!isFenced(thrown)) this.#log.warn(messageOf(thrown));
      },
    );
    this.#options.running(done);
  }

  /** The partition may have moved to another process long ago: that one has alarms of its own, and here is none to set. */
  async #wakeIfHeld(signal: AbortSignal): Promise<void> {
    if (await this.task.holds()) await this.task.wake(signal);
    // What waits for its commit is for the flush, which sees to it that somebody commits it.
    else if (!this.task.busy && this.task.flushDue === undefined) await this.task.close();
  }

  async #saying<T>(log: Log, work: () => Promise<T>): Promise<T> {
    this.#log = log;
    try {
      return await work();
    } finally {
      // What is said after an invocation's end must not go through its context.
      if (this.#log === log) this.#log = this.#own;
    }
  }

  /** Says once for each try that a partition waits, and for what. */
  #warnOfHeld({ pipeline, partition, held }: CommitMetrics): void {
    const { sequenceNumber, result, stage, tries, attempts, reason } = held ?? {};
    const what = result === undefined ? `event ${sequenceNumber}` : `the result of ${result}`;
    const said = held && `${what} ${tries}`;
    if (said !== undefined && said !== this.#held && attempts !== undefined) {
      this.#log.warn(
        `Partition ${partition} of "${pipeline}" waits for ${what}: stage "${stage}" failed at try ${tries} of ${attempts}: ${reason}.`,
      );
    }
    this.#held = said ?? "";
  }

  #report(metrics: CommitMetrics): void {
    const latency = new LatencyHistogram();
    const now = this.#options.world.now();
    // The batch may hold events that were committed before; events read from the hub again are not in it.
    const from = this.#position ?? metrics.position - metrics.events;
    for (const { sequenceNumber, enqueuedTime } of this.#batch) {
      if (sequenceNumber >= from && sequenceNumber < metrics.position) latency.add(now - enqueuedTime);
    }
    this.#position = metrics.position;
    this.#log.debug(METRIC_PREFIX, formatCommitLine(metrics, latency));
    this.#warnOfHeld(metrics);
    if (metrics.lost > 0) {
      this.#log.warn(
        `Partition ${metrics.partition} of "${metrics.pipeline}" has lost ${metrics.lost} events to the hub's retention; a dead letter has their numbers.`,
      );
    }
  }
}
