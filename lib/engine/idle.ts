import { END_OF_TIME, NO_WATERMARK, type StateContents, type StoreChange } from "./frame.ts";

/** The store that remembers from where an idle watermark was moved on. */
export const IDLE_STORE = "$idle";

const BASE = "base";

/** A watermark, and since when silence may add to it by the hub's own clock; milliseconds since the epoch. */
interface Base {
  readonly watermark: number;
  readonly since: number;
}

/**
 * Moves the watermark while the hub is silent: from where the last event left it, by the time that has passed since,
 * and never to the wall clock. What it did goes into the frame, so a recovered task goes on from the same base.
 *
 * Silence is counted by the clock of whoever looks, which may be ahead. When an event ends it, the hub's clock says how
 * long it was: the base of the next silence is what that justifies, so that errors of clocks do not add up.
 */
export class IdleClock {
  /** How long the hub must have been silent, in milliseconds; undefined switches it off. */
  readonly #patience: number | undefined;
  #base: Base | undefined;
  #changed = false;

  constructor(patience: number | undefined, state: StateContents) {
    this.#patience = patience;
    const stored = state.get(IDLE_STORE)?.get(0)?.get(BASE) as [number, number] | undefined;
    if (stored !== undefined) this.#base = { watermark: stored[0], since: stored[1] };
  }

  /** Whether the watermark has been moved by silence, and events have not caught up with that yet. */
  get ahead(): boolean {
    return this.#base !== undefined;
  }

  /** An event came that was enqueued then: the silence is over. */
  interrupt(enqueued: number): void {
    if (this.#base === undefined) return;
    const { watermark, since } = this.#base;
    const silence = enqueued - since;
    this.#set({ watermark: silence >= (this.#patience ?? 0) ? watermark + silence : watermark, since: enqueued });
  }

  /** Events say by themselves that event time has come so far. */
  observe(watermark: number): void {
    if (this.#base === undefined || watermark <= this.#base.watermark) return;
    this.#set({ watermark, since: this.#base.since });
  }

  /** How far event time has come at `now`, when the hub is empty and its last event was enqueued at `lastEnqueued`. */
  watermarkAt(now: number, lastEnqueued: number, current: number): number {
    if (this.#patience === undefined || current === NO_WATERMARK || current === END_OF_TIME) return current;
    const base = this.#base ?? { watermark: current, since: lastEnqueued };
    const passed = now - base.since;
    if (passed < this.#patience) return current;
    if (this.#base === undefined) this.#set(base);
    return base.watermark + passed;
  }

  /** When, by the clock, silence alone would bring event time to `timer`; undefined when it never will. */
  dueAt(timer: number, lastEnqueued: number, current: number): number | undefined {
    if (this.#patience === undefined || current === NO_WATERMARK || current === END_OF_TIME) return undefined;
    const base = this.#base ?? { watermark: current, since: lastEnqueued };
    return base.since + Math.max(this.#patience, timer - base.watermark);
  }

  /** What the coming frame must remember; nothing once events have caught up with what silence did. */
  changes(current: number): readonly StoreChange[] {
    if (this.#base !== undefined && this.#base.watermark >= current) this.#set(undefined);
    if (!this.#changed) return [];
    this.#changed = false;
    const value = this.#base && [this.#base.watermark, this.#base.since];
    return [{ store: IDLE_STORE, bucket: 0, entries: [BASE, value] }];
  }

  #set(base: Base | undefined): void {
    this.#base = base;
    this.#changed = true;
  }
}
