import { messageOf } from "../errors.ts";
import { policyOf } from "../stream/on-error.ts";
import type { Plan, TimeNode } from "../stream/plan.ts";
import { validate } from "../stream/schema.ts";
import { type Chain, ledgerRows, openChain } from "./chain.ts";
import { Closing } from "./closing.ts";
import { EventContext } from "./context.ts";
import { Effects } from "./effects.ts";
import { eventTimeOf } from "./event-time.ts";
import type { Frame, LedgerCounts, OutboxEntry, StateContents, StoreChange } from "./frame.ts";
import {
  MARKER_PROPERTY,
  PRODUCER_PROPERTY,
  type ProducerHeader,
  parseMarker,
  parseProducerHeader,
} from "./headers.ts";
import { IdleClock } from "./idle.ts";
import { Ledger, slotOf } from "./ledger.ts";
import { idOf, type Result } from "./operator.ts";
import type { HubEvent, TaskId } from "./ports.ts";
import { parseRedrive, REDRIVE_LATE_PROPERTY, REDRIVE_PROPERTY, type RedriveHeader, Redrives } from "./redrive.ts";
import { Retries } from "./retries.ts";
import { SideOutput } from "./side-output.ts";
import { SIDE_SINK, type SideRecord } from "./side-record.ts";
import type { SinkTask } from "./sink.ts";
import { StageFailure } from "./stage-failure.ts";
import type { TableView } from "./tables.ts";
import { OutOfOrderWatermark, PRODUCERS_STORE, Producers, type Verdict } from "./watermark.ts";

export interface ProcessorOpening {
  readonly id: TaskId;
  readonly position: number;
  /** The position at which the task began. */
  readonly start: number;
  readonly watermark: number;
  readonly state: StateContents;
  readonly ledger: LedgerCounts | undefined;
  /** When the hub's newest event was enqueued, milliseconds since the epoch. */
  readonly lastEnqueued: number;
  readonly tables: TableView;
  readonly sinks: ReadonlyMap<string, SinkTask<unknown>>;
}

/**
 * The engine's core: events in, frames out. Synchronous and pure but for its own state; it knows no clock and no network.
 * After an exception it must be thrown away: what it holds is ahead of the log.
 */
export class Processor {
  readonly #plan: Plan;
  readonly #time: TimeNode | undefined;
  readonly #chain: Chain;
  readonly #ledger: Ledger;
  readonly #effects: Effects;
  readonly #side: SideOutput;
  readonly #context: EventContext;
  readonly #watermark: OutOfOrderWatermark;
  readonly #producers: Producers;
  readonly #upstream: boolean;
  readonly #idle: IdleClock;
  readonly #redrives: Redrives;
  readonly #retries: Retries;
  readonly #closing: Closing;
  #position: number;
  #lastEnqueued: number;
  /** Messages of upstream tasks that never came, as their sequence shows. */
  gaps = 0;

  constructor(plan: Plan, opening: ProcessorOpening) {
    this.#plan = plan;
    this.#time = plan.source.time;
    const rule = plan.source.time?.watermark;
    this.#upstream = rule?.kind === "upstream";
    this.#position = opening.position;
    this.#lastEnqueued = opening.lastEnqueued;
    this.#chain = openChain(plan, opening);
    const rows = ledgerRows(plan);
    this.#ledger = new Ledger(opening.id, rows, opening.start, opening.ledger);
    this.#effects = new Effects(this.#ledger.counts);
    this.#side = new SideOutput(opening.id);
    const names = rows.map((row) => row.stage);
    const policies = [plan.source, ...plan.stages].map(({ onError }) => policyOf(onError));
    this.#retries = new Retries(opening.state);
    this.#context = new EventContext(this.#effects, this.#side, names, policies, this.#retries);
    this.#closing = new Closing(this.#chain.operators, this.#context);
    this.#watermark = new OutOfOrderWatermark(rule?.kind === "out-of-order" ? rule.bound : 0, opening.watermark);
    this.#idle = new IdleClock(plan.source.time?.idle, opening.state);
    this.#redrives = new Redrives(opening.state);
    this.#producers = new Producers(opening.state.get(PRODUCERS_STORE)?.get(0));
  }

  /** The sequence number of the next event to process. */
  get position(): number {
    return this.#position;
  }

  /** When the newest event that it knows of was enqueued, milliseconds since the epoch. */
  get lastEnqueued(): number {
    return this.#lastEnqueued;
  }

  /** How far event time has come, milliseconds since the epoch. */
  get watermark(): number {
    return this.#watermark.current;
  }

  /** How many results and ids the stages hold now. */
  get buffered(): number {
    return this.#chain.operators.reduce((sum, { operator }) => sum + operator.buffered, 0);
  }

  get ledger(): LedgerCounts {
    return this.#ledger.toCounts();
  }

  /**
   * Processes events in order; sequence numbers that are missing between them are holes in the hub. Throws StageFailure
   * where an event must be tried again or stops the task; then all is as it was before that event.
   */
  process(events: readonly HubEvent[]): void {
    for (const event of events) this.#next(event);
  }

  /** Takes note that events up to a position are gone from the hub for good. */
  lose(position: number): void {
    this.#ledger.source.lost += position - this.#position;
    this.#position = position;
  }

  /** Takes note that there never were events up to a position. */
  skip(position: number): void {
    this.#ledger.source.holes += position - this.#position;
    this.#position = position;
  }

  /**
   * Moves event time on while the hub is silent; true when that made a difference. The caller has proven that nothing
   * waited in the hub at `now`, and when its newest event was enqueued.
   */
  idle(now: number, lastEnqueued: number): boolean {
    const before = this.watermark;
    this.#lastEnqueued = lastEnqueued;
    this.#watermark.raise(this.#idle.watermarkAt(now, lastEnqueued, before));
    return this.watermark !== before;
  }

  /** When, by the clock, silence alone would make a window fire; undefined when none waits or silence changes nothing. */
  #idleDue(): number | undefined {
    let earliest: number | undefined;
    for (const { operator, hold } of this.#chain.operators) {
      const timer = operator.nextTimer();
      if (timer !== undefined) earliest = Math.min(earliest ?? Number.POSITIVE_INFINITY, timer + hold);
    }
    return earliest === undefined ? undefined : this.#idle.dueAt(earliest, this.#lastEnqueued, this.watermark);
  }

  /** Makes the next event a dead letter without looking at its body; one that is none, or was here before, stays what it is. */
  refuse(event: HubEvent, record: SideRecord): void {
    this.#next(event, record);
  }

  /** Adds a record of the task's own to the coming frame's side output. */
  sideRecord(record: SideRecord): void {
    this.#side.apply(record);
  }

  /** The result that comes next, of those that the coming frame lets windows emit; undefined when all are out. */
  get nextResult(): Result | undefined {
    return this.#closing.next(this.watermark);
  }

  /** How many results of the coming frame are out. */
  get emitted(): number {
    return this.#closing.emitted;
  }

  /**
   * Emits results of the coming frame; from then until it is closed no event may be processed. Throws StageFailure where
   * one must be tried again or stops the task: then it is the next one still.
   */
  emit(most: number = Number.POSITIVE_INFINITY): void {
    this.#closing.emit(this.watermark, most);
  }

  /** Makes the next result a dead letter without computing it. */
  refuseResult(reason: string): void {
    this.#closing.refuse(this.watermark, reason);
  }

  /** Takes note that a result will be tried again; what the log must know at once. */
  noteRetry(result: Result, tries: number): StoreChange {
    return this.#retries.noteResult(idOf(result), tries);
  }

  /** Fires what the watermark has passed and gathers all that changed; throws LEDGER_IMBALANCE. */
  closeFrame(confirmed: number, notes: readonly StoreChange[] = []): Frame {
    const watermark = this.watermark;
    this.emit();
    this.#closing.end();
    this.#ledger.check(this.#position);
    const changes: StoreChange[] = [
      ...notes,
      ...this.#producers.changes(),
      ...this.#idle.changes(watermark),
      ...this.#redrives.changes(),
      ...this.#retries.changes(this.#position),
    ];
    // One by one: a call takes a hundred thousand arguments or so, and a jump of event time may close more windows.
    for (const { operator } of this.#chain.operators) for (const change of operator.changes()) changes.push(change);
    const outbox: OutboxEntry[] = [];
    for (const sink of this.#chain.sinks) {
      const entry = sink.takeOutbox();
      if (entry !== undefined) outbox.push(entry);
    }
    const side = this.#side.take();
    if (side.length > 0) outbox.push({ sink: SIDE_SINK, messages: side });
    const ledger = this.#ledger.toCounts();
    return { position: this.#position, watermark, changes, outbox, confirmed, ledger, idleDue: this.#idleDue() };
  }

  /** Takes the next event; with a record, which it then becomes instead of being processed. */
  #next(event: HubEvent, refused?: SideRecord): void {
    this.skip(event.sequenceNumber);
    this.#position = event.sequenceNumber + 1;
    this.#idle.interrupt(event.enqueuedTime);
    this.#lastEnqueued = event.enqueuedTime;
    const { properties } = event;
    const redrive = parseRedrive(properties[REDRIVE_PROPERTY]);
    if (redrive !== undefined) {
      const verdict = this.#redrives.knows(redrive) ? "duplicate" : "new";
      this.#take(event, verdict, refused, undefined, redrive);
      this.#redrives.note(redrive);
      return;
    }
    const marker = properties[MARKER_PROPERTY];
    if (marker !== undefined && this.#mark(marker)) return;
    const header = parseProducerHeader(properties[PRODUCER_PROPERTY]);
    const verdict = header === undefined ? "new" : this.#producers.judge(header);
    if (header?.control) this.#ledger.source.control++;
    else this.#take(event, verdict, refused, header);
    // Not before it is done with: an event that is to be tried again has not come yet.
    if (verdict === "gap") this.gaps++;
    if (header !== undefined && verdict !== "duplicate") this.#producers.note(header);
    if (header?.control && this.#upstream) this.#watermark.raise(this.#producers.current);
  }

  /** Counts an event and passes it on, unless it was here before or is refused. */
  #take(
    event: HubEvent,
    verdict: Verdict,
    refused: SideRecord | undefined,
    header: ProducerHeader | undefined,
    redrive?: RedriveHeader,
  ): void {
    this.#ledger.source.processed++;
    this.#effects.count(IN);
    if (verdict !== "duplicate" && refused === undefined) {
      this.#event(event, header, redrive);
      return;
    }
    this.#effects.count(verdict === "duplicate" ? DUPLICATE : DEAD_LETTERED);
    this.#effects.apply();
    if (verdict !== "duplicate") this.#side.apply(refused);
  }

  /** A marker moves the watermark; false when its value is no watermark, and then it is an event like any other. */
  #mark(value: unknown): boolean {
    const watermark = parseMarker(value);
    if (watermark === undefined) return false;
    this.#ledger.source.control++;
    this.#watermark.raise(watermark);
    if (this.#idle.ahead) this.#idle.observe(watermark);
    return true;
  }

  #event(event: HubEvent, header: ProducerHeader | undefined, redrive: RedriveHeader | undefined): void {
    const context = this.#context;
    context.turn++;
    context.stage = 0;
    context.event = event;
    context.sequenceNumber = event.sequenceNumber;
    context.enqueuedTime = event.enqueuedTime;
    context.key = redrive === undefined ? event.partitionKey : redrive.key;
    context.timestamp = event.enqueuedTime;
    context.timed = false;
    context.reopens = redrive !== undefined && event.properties[REDRIVE_LATE_PROPERTY] === "update";
    // What comes back is judged by what has been closed meanwhile, not by what its producer knew then.
    context.watermark = this.#upstream && header !== undefined ? header.watermark : this.#watermark.current;
    try {
      if (this.#upstream && header === undefined && redrive === undefined) throw new Error(NO_HEADER);
      const value = this.#decode(event);
      if (this.#time !== undefined) {
        context.timestamp = eventTimeOf(this.#time, value, event);
        context.timed = true;
      }
      this.#effects.count(PASSED);
      this.#effects.count(OUT);
      this.#chain.first.process(value, context);
    } catch (thrown) {
      this.#fail(event, thrown);
      return;
    }
    this.#effects.apply();
    if (this.#upstream || !context.timed) return;
    const watermark = this.#watermark.observe(context.timestamp);
    if (this.#idle.ahead) this.#idle.observe(watermark);
  }

  /** Makes an event a dead letter; puts back one that is to be tried again, or that stops the task, with StageFailure. */
  #fail(event: HubEvent, thrown: unknown): void {
    try {
      this.#context.fail(undefined, thrown);
    } catch (failure) {
      if (!(failure instanceof StageFailure)) throw failure;
      this.#ledger.source.processed--;
      this.#position = event.sequenceNumber;
      if (failure.again) this.#retries.note(event.sequenceNumber, failure.tries);
      throw failure;
    }
  }

  #decode(event: HubEvent): unknown {
    const { body } = event;
    const text = Buffer.isBuffer(body) ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    let json: unknown;
    try {
      json = JSON.parse(text.toString("utf8"));
    } catch (thrown) {
      throw new Error(`the body is not JSON: ${messageOf(thrown)}`);
    }
    return validate(this.#plan.source.schema, json);
  }
}

const IN = slotOf(0, "in");
const PASSED = slotOf(0, "passed");
const DUPLICATE = slotOf(0, "duplicate");
const DEAD_LETTERED = slotOf(0, "deadLettered");
const OUT = slotOf(0, "out");
const NO_HEADER = `the message has no "${PRODUCER_PROPERTY}" property, but this pipeline takes its watermark from upstream tasks`;
