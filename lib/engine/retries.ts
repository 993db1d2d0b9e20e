import type { StateContents, StoreChange } from "./frame.ts";

/** The store that counts how often the event in hand was tried: whoever takes over goes on counting. */
export const RETRIES_STORE = "$retries";

/** The store's only key. */
const EVENT = "event";

/** How often the next event was tried without success. One event at a time: its partition waits for it. */
export class Retries {
  #sequenceNumber = -1;
  #tries = 0;
  #changed = false;

  constructor(state: StateContents) {
    const noted = state.get(RETRIES_STORE)?.get(0)?.get(EVENT) as readonly [number, number] | undefined;
    if (noted !== undefined) [this.#sequenceNumber, this.#tries] = noted;
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

  /** Entries of the store for a frame that ends before `position`: what is behind it needs no count any more. */
  changes(position: number): readonly StoreChange[] {
    if (this.#sequenceNumber < 0) return [];
    const done = this.#sequenceNumber < position;
    if (!done && !this.#changed) return [];
    const entries = [EVENT, done ? undefined : [this.#sequenceNumber, this.#tries]];
    if (done) this.#sequenceNumber = -1;
    this.#changed = false;
    return [{ store: RETRIES_STORE, bucket: 0, entries }];
  }
}
