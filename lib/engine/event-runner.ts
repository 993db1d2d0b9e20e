import type { Table } from "../stream/table.ts";
import type { Appended, Commits } from "./commits.ts";
import type { StoreChange } from "./frame.ts";
import type { HubEvent, TaskId } from "./ports.ts";
import type { Parts } from "./recover.ts";
import type { Seclusion } from "./seclusion.ts";
import { condemnedRecord } from "./side-record.ts";
import { StageFailure } from "./stage-failure.ts";
import { carefulRun } from "./suspects.ts";
import type { TaskPorts } from "./task.ts";
import { waitToTryAgain } from "./try-again.ts";

export interface EventRunnerOptions {
  readonly id: TaskId;
  readonly ports: TaskPorts;
  readonly parts: Parts;
  readonly seclusion: Seclusion;
  readonly commits: Commits;
  /** Read again before an event is tried again. */
  readonly tables: readonly Table<unknown>[];
}

/** Takes events through the stages: one that fails is held until it may be tried again, one that may kill is tried alone. */
export class EventRunner {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #parts: Parts;
  readonly #seclusion: Seclusion;
  readonly #commits: Commits;
  readonly #tables: readonly Table<unknown>[];

  constructor({ id, ports, parts, seclusion, commits, tables }: EventRunnerOptions) {
    this.#id = id;
    this.#ports = ports;
    this.#parts = parts;
    this.#seclusion = seclusion;
    this.#commits = commits;
    this.#tables = tables;
  }

  async process(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    if (this.#parts.isolation.careful) return this.#carefully(events, signal);
    const commits = this.#commits;
    for (let rest = events; rest.length > 0; ) {
      while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
      commits.expect();
      const failure = this.#run(rest);
      rest = failure === undefined ? [] : rest.slice(indexOf(rest, failure));
      if (failure !== undefined) await this.#hold(failure, signal);
    }
    await commits.commitDue(signal);
  }

  /**
   * After several openings without progress: events are announced in the log and committed alone, and when that goes well
   * in runs that grow. Where a run ends the process, the next opening begins with that run's first event alone.
   */
  async #carefully(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { isolation, processor } = this.#parts;
    const commits = this.#commits;
    for (let at = 0; at < events.length; ) {
      signal.throwIfAborted();
      const run = events.slice(at, at + carefulRun(at));
      const event = run[0] as HubEvent;
      if (isolation.condemned(event.sequenceNumber)) {
        processor.refuse(event, condemnedRecord(this.#id, event));
        await commits.commit(signal);
        at++;
        continue;
      }
      if (run.length > 1) while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
      const alone = run.length === 1;
      const outcome = alone ? await this.#seclusion.alone(() => this.#tryAlone(event, signal)) : this.#run(run);
      if (outcome instanceof StageFailure) {
        await this.#hold(outcome, signal, alone ? isolation.absolve() : []);
        at = indexOf(events, outcome);
        continue;
      }
      if (outcome === undefined) await commits.commit(signal);
      else await commits.settle(outcome, signal);
      at += run.length;
    }
    const notes = isolation.end();
    if (notes.length > 0) await commits.commit(signal, notes);
  }

  /** Undefined where windows are to emit, now that the event has come through: what they emit is tried apart. */
  async #tryAlone(event: HubEvent, signal: AbortSignal): Promise<Appended | StageFailure | undefined> {
    const { isolation, processor } = this.#parts;
    const commits = this.#commits;
    await commits.note([isolation.begin(event.sequenceNumber)]);
    let failure: StageFailure | undefined;
    try {
      failure = this.#run([event]);
    } finally {
      isolation.survived();
    }
    if (failure !== undefined) return failure;
    if (processor.nextResult === undefined) return commits.append([], signal);
    await commits.note(isolation.absolve());
    return undefined;
  }

  /** Processes events up to one that must be tried again or stops the task, whose failure it returns. */
  #run(events: readonly HubEvent[]): StageFailure | undefined {
    try {
      this.#parts.processor.process(events);
    } catch (thrown) {
      if (!(thrown instanceof StageFailure)) {
        this.#commits.spoiled = true;
        throw thrown;
      }
      this.#commits.wait(events.slice(0, indexOf(events, thrown)));
      return thrown;
    }
    this.#commits.wait(events);
    return undefined;
  }

  /**
   * Commits what came before an event that failed, and how often it was tried; then waits until it may be tried again.
   * Throws STAGE_FAILED when it may not.
   */
  async #hold(failure: StageFailure, signal: AbortSignal, notes: readonly StoreChange[] = []): Promise<void> {
    const commits = this.#commits;
    if (failure.again || notes.length > 0 || commits.due !== undefined) await commits.commit(signal, notes, failure);
    if (!failure.again) throw failure.stopped(this.#id);
    await waitToTryAgain(failure, this.#ports, this.#tables, signal, () => commits.commit(signal, [], failure));
  }
}

function indexOf(events: readonly HubEvent[], { sequenceNumber }: StageFailure): number {
  return events.findIndex((event) => event.sequenceNumber === sequenceNumber);
}
