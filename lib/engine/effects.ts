/** Something that one event will do once all of its path has succeeded. Must not throw. */
export interface Deferred {
  apply(first: unknown, second: unknown, third: number): void;
}

/**
 * What one event changes, held back until the event has passed every stage: an event that makes user code throw
 * touches nothing. Counts and changes are kept in flat arrays that are reused, so the ordinary path allocates nothing.
 */
export class Effects {
  readonly #counts: Float64Array;
  #journal = new Int32Array(256);
  #journalLength = 0;
  // Set by index and never shortened: an array that is emptied and pushed to gets new memory for every event.
  readonly #actions: (Deferred | unknown)[] = [];
  #actionsLength = 0;
  #fanOutStage = -1;
  #fanOutMark = 0;

  constructor(counts: Float64Array) {
    this.#counts = counts;
  }

  /** Counts one in a ledger slot. */
  count(slot: number): void {
    if (this.#journalLength === this.#journal.length) this.#grow();
    this.#journal[this.#journalLength++] = slot;
  }

  defer(action: Deferred, first: unknown, second: unknown, third: number): void {
    const at = this.#actionsLength;
    this.#actionsLength = at + 4;
    this.#actions[at] = action;
    this.#actions[at + 1] = first;
    this.#actions[at + 2] = second;
    this.#actions[at + 3] = third;
  }

  /** Says that from here on one input becomes several: if one of them fails, all of them are withdrawn. */
  fanOut(stage: number): void {
    if (this.#fanOutStage >= 0) return;
    this.#fanOutStage = stage;
    this.#fanOutMark = this.#journalLength;
  }

  apply(): void {
    for (let i = 0; i < this.#journalLength; i++) {
      const slot = this.#journal[i] as number;
      this.#counts[slot] = (this.#counts[slot] as number) + 1;
    }
    const actions = this.#actions;
    for (let i = 0; i < this.#actionsLength; i += 4) {
      (actions[i] as Deferred).apply(actions[i + 1], actions[i + 2], actions[i + 3] as number);
    }
    this.#reset();
  }

  /** Drops every change; keeps the counts up to the failing stage, and answers which stage that is in the ledger. */
  withdraw(failedStage: number): number {
    const stage = this.#fanOutStage >= 0 ? this.#fanOutStage : failedStage;
    if (this.#fanOutStage >= 0) this.#journalLength = this.#fanOutMark;
    this.#actionsLength = 0;
    this.#fanOutStage = -1;
    return stage;
  }

  /** Drops every change and every count, as if the event had not come yet. */
  discard(): void {
    this.#reset();
  }

  #reset(): void {
    this.#journalLength = 0;
    this.#fanOutStage = -1;
    this.#actionsLength = 0;
    if (this.#actions.length > MOST_KEPT) this.#actions.length = 0;
  }

  #grow(): void {
    const larger = new Int32Array(this.#journal.length * 2);
    larger.set(this.#journal);
    this.#journal = larger;
  }
}

/** What one event may leave behind until others take its place. */
const MOST_KEPT = 1024;
