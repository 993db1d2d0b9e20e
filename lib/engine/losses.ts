import type { StateContents, StoreChange } from "./frame.ts";

/** The store that says how far the losses go of which dead letters tell. */
export const LOSSES_STORE = "$losses";

/** The store's only key. */
const TOLD = "told";

/**
 * Which lost events a task has told of before it went on: one that stops before a loss finds it again with every batch
 * that it is given, and later may be told to continue. Each lost number is in one dead letter.
 */
export class Losses {
  /** The number after the last one that was told. */
  #told: number;

  constructor(state: StateContents) {
    this.#told = Number(state.get(LOSSES_STORE)?.get(0)?.get(TOLD) ?? -1);
  }

  /** Where what nobody has told begins in a loss that begins at `from`. */
  untoldSince(from: number): number {
    return Math.max(from, this.#told);
  }

  /** What to note together with the record of a loss that ends before `to`. */
  note(to: number): StoreChange {
    this.#told = to;
    return { store: LOSSES_STORE, bucket: 0, entries: [TOLD, to] };
  }
}
