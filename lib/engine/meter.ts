import type { Frame, FrameStamp, LedgerCounts } from "./frame.ts";
import type { Outbox } from "./outbox.ts";
import type { HubEvent, TaskId, World } from "./ports.ts";
import type { Processor } from "./processor.ts";
import { describeResult, type StageFailure } from "./stage-failure.ts";

/** What one commit did, for metrics; counts are of this commit alone, times in milliseconds. */
export interface CommitMetrics extends TaskId {
  readonly sequence: number;
  readonly position: number;
  readonly watermark: number;
  readonly events: number;
  readonly results: number;
  readonly late: number;
  readonly deadLettered: number;
  readonly duplicates: number;
  /** Sequence numbers that retention removed before they were processed. */
  readonly lost: number;
  /** What stages hold back or remember now: results of open windows, known ids. A gauge, not a count of this commit. */
  readonly buffered: number;
  readonly pendingFrames: number;
  /** Messages of upstream tasks that never came, since the task was opened. */
  readonly gaps: number;
  /** What holds the partition back: it failed, and is tried again or stops the task. Absent when nothing does. */
  readonly held?: HeldEvent;
  readonly commitMs: number;
  readonly deliverMs: number;
  /** From the enqueued time of the batch's last and first event to its delivery. */
  readonly latencyMs: { readonly newest: number; readonly oldest: number } | undefined;
}

/** An event, or a result of a window, that failed and waits. */
export interface HeldEvent {
  readonly stage: string;
  /** Of a result, that of the event before it. */
  readonly sequenceNumber: number;
  /** Which result waits; absent when an event does. */
  readonly result?: string;
  /** How often it was tried so far. */
  readonly tries: number;
  /** How often it may be tried; absent when the task stops at once. */
  readonly attempts?: number;
  readonly reason: string;
}

interface Committed {
  readonly processor: Processor;
  readonly outbox: Outbox;
  readonly frame: Frame;
  readonly stamp: FrameStamp;
  readonly events: readonly HubEvent[];
  readonly started: number;
  readonly committed: number;
  readonly held: StageFailure | undefined;
}

interface Totals {
  readonly results: number;
  readonly late: number;
  readonly deadLettered: number;
  readonly duplicates: number;
  readonly lost: number;
}

const ZERO: Totals = { results: 0, late: 0, deadLettered: 0, duplicates: 0, lost: 0 };

/** Turns the ledger's totals into what each commit did. */
export class Meter {
  readonly #id: TaskId;
  readonly #world: World;
  readonly #report: ((metrics: CommitMetrics) => void) | undefined;
  #processor: Processor | undefined;
  #before: Totals = ZERO;

  constructor(id: TaskId, world: World, report: ((metrics: CommitMetrics) => void) | undefined) {
    this.#id = id;
    this.#world = world;
    this.#report = report;
  }

  /** Notes the totals that a freshly opened task begins with. */
  opened(processor: Processor): void {
    this.#processor = processor;
    this.#before = totals(processor.ledger);
  }

  committed({ processor, outbox, frame, stamp, events, started, committed, held }: Committed): void {
    if (this.#report === undefined || processor !== this.#processor) return;
    const now = totals(frame.ledger);
    const before = this.#before;
    this.#before = now;
    const delivered = this.#world.now();
    const oldest = events[0];
    const newest = events.at(-1);
    this.#report({
      ...this.#id,
      sequence: stamp.sequence,
      position: frame.position,
      watermark: frame.watermark,
      events: events.length,
      results: now.results - before.results,
      late: now.late - before.late,
      deadLettered: now.deadLettered - before.deadLettered,
      duplicates: now.duplicates - before.duplicates,
      lost: now.lost - before.lost,
      buffered: processor.buffered,
      pendingFrames: outbox.pendingFrames,
      gaps: processor.gaps,
      ...(held === undefined ? {} : { held: heldEvent(held) }),
      commitMs: committed - started,
      deliverMs: delivered - committed,
      latencyMs:
        oldest && newest
          ? { newest: delivered - newest.enqueuedTime, oldest: delivered - oldest.enqueuedTime }
          : undefined,
    });
  }
}

function heldEvent({ stage, sequenceNumber, result, tries, retry, message }: StageFailure): HeldEvent {
  return {
    ...{ stage, sequenceNumber, ...(result && { result: describeResult(result) }) },
    ...{ tries, ...(retry && { attempts: retry.attempts }), reason: message },
  };
}

function totals(ledger: LedgerCounts): Totals {
  let late = 0;
  let deadLettered = 0;
  let duplicates = 0;
  for (const stage of ledger.stages) {
    late += stage.late;
    deadLettered += stage.deadLettered;
    duplicates += stage.duplicate;
  }
  return { results: ledger.stages.at(-1)?.passed ?? 0, late, deadLettered, duplicates, lost: ledger.source.lost };
}
