import type { EventContext } from "../engine/context.ts";
import type { Deferred } from "../engine/effects.ts";
import { END_OF_TIME, type StoreChange } from "../engine/frame.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import { TidemarkError } from "../errors.ts";
import { formatDuration } from "../stream/duration.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";
import { Kept } from "./kept.ts";
import { withoutNotes } from "./stage-notes.ts";

/** The plan's node for `.dedupe(name, id, { within, keep })`; both in milliseconds. */
export function dedupeNode(
  name: string,
  id: (value: never) => string,
  within: number,
  { onError, keep = 0 }: StageOptions & { readonly keep?: number } = {},
): StageNode {
  return {
    kind: "dedupe",
    name,
    state: { within },
    keep,
    onError,
    open: (opening) => new DedupeOperator(opening, id as (value: unknown) => string, within, keep),
  };
}

/**
 * Remembers accepted ids in slices of event time as wide as the bound. A slice goes when no event that can still be
 * judged is within the bound of anything in it.
 */
class DedupeOperator extends Operator implements Deferred {
  readonly #id: (value: unknown) => string;
  readonly #within: number;
  readonly #kept: Kept;
  readonly #slices = new Map<number, Map<string, number>>();
  readonly #dirty = new Map<number, unknown[]>();
  readonly #dropped: number[] = [];
  /** Ids that this very event has brought already, on another branch of a flatMap. */
  readonly #pending: string[] = [];
  #pendingCount = 0;
  #pendingTurn = -1;

  constructor(opening: StageOpening, id: (value: unknown) => string, within: number, keep: number) {
    super(opening);
    this.#id = id;
    this.#within = within;
    this.#kept = new Kept(keep, within, opening.store, opening.watermark);
    for (const [slice, ids] of withoutNotes(opening.store)) this.#slices.set(slice, ids as Map<string, number>);
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const id = this.#id(value);
    if (typeof id !== "string") {
      throw new TidemarkError("STAGE_FAILED", `The id is ${JSON.stringify(id)}, which is not a text.`, {
        stage: this.name,
      });
    }
    const time = context.timestamp;
    if (time + this.#within <= context.watermark && !(context.reopens && this.#kept.has(time, context.watermark))) {
      context.effects.count(this.counts.late);
      context.late(
        this.name,
        value,
        `more than ${formatDuration(this.#within)} behind the watermark: duplicates are forgotten`,
      );
      return;
    }
    if (this.#seen(id, time, context.turn)) {
      context.effects.count(this.counts.duplicate);
      return;
    }
    this.#pending[this.#pendingCount++] = id;
    context.effects.defer(this, id, undefined, time);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    this.next.process(value, context);
  }

  apply(id: string, _: undefined, time: number): void {
    const slice = this.#sliceOf(time);
    const ids = this.#slices.get(slice);
    if (ids === undefined) this.#slices.set(slice, new Map([[id, time]]));
    else ids.set(id, time);
    const entries = this.#dirty.get(slice);
    if (entries === undefined) this.#dirty.set(slice, [id, time]);
    else entries.push(id, time);
  }

  override closeFrame(watermark: number): void {
    for (const slice of this.#slices.keys()) {
      // An event can be judged when it is younger than watermark − within, and matches what is up to within older.
      if (watermark === END_OF_TIME || slice + this.#within * 3 + this.#kept.keep <= watermark) {
        this.#slices.delete(slice);
        this.#dirty.delete(slice);
        this.#dropped.push(slice);
      }
    }
  }

  override get buffered(): number {
    let ids = 0;
    for (const slice of this.#slices.values()) ids += slice.size;
    return ids;
  }

  override changes(): readonly StoreChange[] {
    const store = this.name;
    const changes: StoreChange[] = [...this.#kept.changes(store)];
    for (const [bucket, entries] of this.#dirty) changes.push({ store, bucket, entries });
    for (const bucket of this.#dropped) changes.push({ store, bucket, entries: [], dropped: true });
    this.#dirty.clear();
    this.#dropped.length = 0;
    return changes;
  }

  #seen(id: string, time: number, turn: number): boolean {
    if (this.#pendingTurn !== turn) {
      this.#pendingTurn = turn;
      this.#pendingCount = 0;
    } else {
      for (let i = 0; i < this.#pendingCount; i++) if (this.#pending[i] === id) return true;
    }
    const own = this.#sliceOf(time);
    for (let slice = own - this.#within; slice <= own + this.#within; slice += this.#within) {
      const accepted = this.#slices.get(slice)?.get(id);
      if (accepted !== undefined && Math.abs(accepted - time) <= this.#within) return true;
    }
    return false;
  }

  #sliceOf(time: number): number {
    return Math.floor(time / this.#within) * this.#within;
  }
}
