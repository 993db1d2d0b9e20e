import type { StateContents, StoreChange } from "./frame.ts";

/** The store that counts how often the event, or the result, in hand was tried: whoever takes over goes on counting. */
export const RETRIES_STORE = "$retries";

/** The bucket of the event that waits, under a key of its own, and that of results. */
const EVENTS = 0;
const EVENT = "event";
const RESULTS = 1;

/** How often the next event, or a result of the coming frame, was tried without success: its partition waits for it. */
export class Retries {
  #sequenceNumber = -1;
  #tries = 0;
  #changed = false;
  readonly #results: Map<string, number>;

  constructor(state: StateContents) {
    const noted = state.get(RETRIES_STORE)?.get(EVENTS)?.get(EVENT) as readonly [number, number] | undefined;
    if (noted !== undefined) [this.#sequenceNumber, this.#tries] = noted;
    this.#results = new Map(state.get(RETRIES_STORE)?.get(RESULTS) as ReadonlyMap<string, number> | undefined);
  }

  /** How often an event was tried before. */
  triesOf(sequenceNumber: number): number {
    return this.#sequenceNumber === sequenceNumber ? this.#tries : 0;
  }

  /** Takes note of how often an event was tried that will be tried again. */
  note(sequenceNumber: number, tries: number): void {
    this.#sequenceNumber = sequenceNumber;
    this.#tries = tries;
    this.#changed = true;
  }

  /** How often a result was tried before. */
  triesOfResult(id: string): number {
    return this.#results.get(id) ?? 0;
  }

  /** Takes note of how often a result was tried that will be tried again; what the log must know at once. */
  noteResult(id: string, tries: number): StoreChange {
    this.#results.set(id, tries);
    return { store: RETRIES_STORE, bucket: RESULTS, entries: [id, tries] };
  }

  /**
   * Changes of the store for a frame that ends before `position` and holds all results: what is behind it needs no count
   * any more.
   */
  changes(position: number): readonly StoreChange[] {
    const changes: StoreChange[] = [];
    if (this.#results.size > 0) {
      const entries = [...this.#results.keys()].flatMap((id) => [id, undefined]);
      changes.push({ store: RETRIES_STORE, bucket: RESULTS, entries });
      this.#results.clear();
    }
    const done = this.#sequenceNumber >= 0 && this.#sequenceNumber < position;
    if (done || this.#changed) {
      const entries = [EVENT, done ? undefined : [this.#sequenceNumber, this.#tries]];
      changes.push({ store: RETRIES_STORE, bucket: EVENTS, entries });
      if (done) this.#sequenceNumber = -1;
      this.#changed = false;
    }
    return changes;
  }
}
