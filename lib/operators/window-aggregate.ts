import type { Aggregate } from "../aggregates/aggregate.ts";
import type { EventContext } from "../engine/context.ts";
import type { Deferred } from "../engine/effects.ts";
import type { StoreChange } from "../engine/frame.ts";
import { FARTHEST, isoText } from "../engine/instant.ts";
import { slotOf } from "../engine/ledger.ts";
import { Operator, type Result, type StageOpening } from "../engine/operator.ts";
import { held } from "../engine/watermark.ts";
import { TidemarkError } from "../errors.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";
import type { TumblingWindow } from "../stream/window.ts";
import { DueResults } from "./due-results.ts";
import { FirstEmission } from "./first-emission.ts";
import { Kept } from "./kept.ts";
import { withoutNotes } from "./stage-notes.ts";
import { type Bucket, type Cell, WindowState } from "./window-state.ts";

export type Aggregates = Readonly<Record<string, Aggregate<never, unknown>>>;

/** The plan's node for `.window(tumbling(…)).aggregate(name, aggregates)`. */
export function windowAggregateNode(
  name: string,
  window: TumblingWindow,
  aggregates: Aggregates,
  { onError }: StageOptions = {},
): StageNode {
  const columns = Object.entries(aggregates).map(([column, { kind, parameters }]) => ({ column, kind, ...parameters }));
  return {
    kind: "aggregate",
    name,
    // The grace belongs to it: with a longer one, windows that have closed would open again with a part of their events.
    state: { window: window.kind, size: window.size, grace: window.grace, columns },
    hold: holdOf(window),
    keep: window.keep,
    fansOut: true,
    onError,
    open: (opening) =>
      new WindowAggregateOperator(opening, window, aggregates as Record<string, Aggregate<unknown, unknown>>),
  };
}

/** A result is stamped with its window's last millisecond and may leave until the grace is over. */
function holdOf(window: TumblingWindow): number {
  return window.grace + 1;
}

class WindowAggregateOperator extends Operator implements Deferred {
  readonly #window: TumblingWindow;
  readonly #columns: readonly string[];
  readonly #aggregates: readonly Aggregate<unknown, unknown>[];
  readonly #state: WindowState;
  readonly #kept: Kept;
  readonly #first: FirstEmission;
  readonly #due: DueResults;
  #watermark: number;
  /** What results are judged by: the watermark of the frame before the one that closes, less the hold. */
  #judgedBy: number;

  constructor(opening: StageOpening, window: TumblingWindow, aggregates: Record<string, Aggregate<unknown, unknown>>) {
    super(opening);
    this.#window = window;
    this.#columns = Object.keys(aggregates);
    this.#aggregates = Object.values(aggregates);
    this.#state = new WindowState(opening.name, this.#aggregates, withoutNotes(opening.store));
    this.#kept = new Kept(window.keep, window.grace, opening.store, opening.watermark);
    this.#first = new FirstEmission(window, opening.store);
    this.#watermark = opening.watermark;
    this.#judgedBy = opening.watermark;
    this.#due = new DueResults(this.#state, window.size, (bucket) => this.#fired(bucket));
    // Every frame ends with the windows fired that its watermark had passed.
    for (const bucket of this.#state.before(this.#watermark))
      bucket.fired = this.#first.isDone(bucket.start, this.#watermark);
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const { size, grace } = this.#window;
    const start = Math.floor(context.timestamp / size) * size;
    const end = start + size;
    if (start < -FARTHEST || end > FARTHEST) {
      throw new TidemarkError("STAGE_FAILED", "The event's window begins or ends where no Date is.", {
        stage: this.name,
        fix: "Correct the event time, or make the window smaller.",
      });
    }
    if (end + grace <= context.watermark && !(context.reopens && this.#kept.has(end, context.watermark))) {
      context.effects.count(this.counts.late);
      const because = context.reopens ? "its state is not kept" : "its grace is over";
      context.late(this.name, value, `its window ended at ${isoText(end)} and ${because}`);
      return;
    }
    const { key } = context;
    if (key === undefined) {
      throw new TidemarkError("STAGE_FAILED", "The event has no key.", {
        stage: this.name,
        fix: "Call .keyBy() first.",
      });
    }
    const aggregates = this.#aggregates;
    const inputs: unknown[] = new Array(aggregates.length);
    for (let i = 0; i < aggregates.length; i++) inputs[i] = (aggregates[i] as Aggregate<unknown, unknown>).input(value);
    context.effects.defer(this, key, inputs, start);
    context.effects.count(this.counts.aggregated);
  }

  apply(key: string, inputs: readonly unknown[], start: number): void {
    this.#state.add(start, key, inputs);
  }

  override closeFrame(watermark: number): void {
    this.#judgedBy = held(this.#watermark, holdOf(this.#window));
    this.#watermark = watermark;
    this.#due.begin(this.#state.before(watermark).filter(({ start }) => this.#first.dueAt(start) <= watermark));
  }

  override get nextResult(): Result | undefined {
    const { cell, timestamp } = this.#due;
    return cell && { stage: this.name, key: cell.key, timestamp };
  }

  override emitNext(context: EventContext): boolean {
    const { cell } = this.#due;
    if (cell === undefined) return false;
    this.#begin(cell, context);
    let result: Record<string, unknown> | undefined;
    try {
      result = this.#result(cell);
      this.next.process(result, context);
    } catch (thrown) {
      if (result === undefined) this.#blameNext(context);
      context.fail(result ?? this.#label(cell), thrown);
      this.#due.advance();
      return true;
    }
    context.effects.apply();
    this.#due.advance();
    return true;
  }

  override refuseNext(context: EventContext, reason: string): void {
    const { cell } = this.#due;
    if (cell === undefined) return;
    this.#begin(cell, context);
    this.#blameNext(context);
    context.setAside(this.#label(cell), reason);
    this.#due.advance();
  }

  override nextTimer(): number | undefined {
    for (const bucket of this.#state.all()) if (!bucket.fired) return this.#first.dueAt(bucket.start);
    return undefined;
  }

  override get buffered(): number {
    return this.#state.size;
  }

  override changes(): readonly StoreChange[] {
    return [...this.#kept.changes(this.name), ...this.#first.changes(this.name), ...this.#state.changes()];
  }

  /** Turns the context to the next result, which leaves the stage. */
  #begin(cell: Cell, context: EventContext): void {
    context.begin(this.name, this.#due.timestamp, cell.key, this.#judgedBy);
    context.stage = this.index;
    context.effects.count(this.counts.out);
  }

  /** What the stage behind never got is its input all the same, and ends there. */
  #blameNext(context: EventContext): void {
    context.stage = this.next.index;
    context.effects.count(slotOf(this.next.index, "in"));
  }

  #label({ key }: Cell): Record<string, unknown> {
    return { key, windowStart: this.#due.windowStart, windowEnd: this.#due.windowEnd };
  }

  #result(cell: Cell): Record<string, unknown> {
    const result = this.#label(cell);
    const values = this.#state.results(cell);
    for (let i = 0; i < values.length; i++) result[this.#columns[i] as string] = values[i];
    return result;
  }

  #fired(bucket: Bucket): void {
    const { size, grace, keep } = this.#window;
    bucket.fired = true;
    if (bucket.start + size + grace + keep <= this.#watermark) this.#state.drop(bucket);
  }
}
