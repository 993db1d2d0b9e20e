import { NO_WATERMARK, type StoreChange } from "../engine/frame.ts";
import type { StageOpening } from "../engine/operator.ts";
import { held } from "../engine/watermark.ts";
import { NOTES_BUCKET } from "./stage-notes.ts";

const ENTRY = "kept";

type Store = StageOpening["store"];

/**
 * How much longer than lateness allows a stage keeps its state, for events that are brought back. What was dropped while
 * less was kept is not there when more is: the store remembers up to where.
 */
export class Kept {
  /** Milliseconds. */
  readonly keep: number;
  readonly #grace: number;
  /** State of this event time and earlier may have been dropped, whatever is kept now; milliseconds since the epoch. */
  readonly #floor: number;
  #changed: boolean;

  /** `grace`: how far behind the watermark, in milliseconds, ordinary events may be; `watermark`: as it was recovered. */
  constructor(keep: number, grace: number, store: Store, watermark: number) {
    const noted = store.get(NOTES_BUCKET)?.get(ENTRY) as readonly [number, number] | undefined;
    const [before, floor] = noted ?? [0, NO_WATERMARK];
    this.keep = keep;
    this.#grace = grace;
    this.#changed = keep !== before;
    this.#floor = this.#changed ? Math.max(floor, held(watermark, grace + before)) : floor;
  }

  /** Whether the state of a time is all there, though ordinary events of that time are late by now. */
  has(time: number, watermark: number): boolean {
    return time > this.#floor && time + this.#grace + this.keep > watermark;
  }

  changes(store: string): readonly StoreChange[] {
    if (!this.#changed) return [];
    this.#changed = false;
    return [{ store, bucket: NOTES_BUCKET, entries: [ENTRY, [this.keep, this.#floor]] }];
  }
}
