import type { StateContents, StoreChange } from "./frame.ts";

/** The store that counts how often an event was begun and never finished. */
export const ATTEMPTS_STORE = "$attempts";

/** Openings in a row without a commit after which events are committed one by one. */
const OPENINGS_BEFORE_CARE = 3;

/** How often an event may be begun alone, and the process die, before it becomes a dead letter unprocessed. */
const ATTEMPTS_PER_EVENT = 3;

/**
 * Finds the event that kills the process: out of memory, an endless loop. After several openings without progress the
 * task commits event by event, and notes in the log which one it begins. A crash by chance hits another event the next
 * time; one that was begun alone several times and never finished is the culprit.
 */
export class Isolation {
  #suspect: number | undefined;
  #attempts = 0;
  #careful: boolean;

  constructor(openingsWithoutProgress: number, state: StateContents) {
    const [noted] = state.get(ATTEMPTS_STORE)?.get(0) ?? [];
    if (noted !== undefined) [this.#suspect, this.#attempts] = [Number(noted[0]), Number(noted[1])];
    this.#careful = openingsWithoutProgress >= OPENINGS_BEFORE_CARE || noted !== undefined;
  }

  /** Whether events are to be committed one by one. */
  get careful(): boolean {
    return this.#careful;
  }

  /** Whether an event was begun alone so often that it must not be begun again. */
  condemned(sequenceNumber: number): boolean {
    return this.#suspect === sequenceNumber && this.#attempts >= ATTEMPTS_PER_EVENT;
  }

  /** What to note in the log before an event is begun. */
  begin(sequenceNumber: number): StoreChange {
    const entries: unknown[] = [];
    if (this.#suspect !== undefined && this.#suspect !== sequenceNumber) entries.push(String(this.#suspect), undefined);
    this.#attempts = this.#suspect === sequenceNumber ? this.#attempts + 1 : 1;
    this.#suspect = sequenceNumber;
    entries.push(String(sequenceNumber), this.#attempts);
    return { store: ATTEMPTS_STORE, bucket: 0, entries };
  }

  /** What to note once the batch has been survived: nothing is suspect any more. */
  end(): StoreChange | undefined {
    this.#careful = false;
    if (this.#suspect === undefined) return undefined;
    const entries = [String(this.#suspect), undefined];
    this.#suspect = undefined;
    return { store: ATTEMPTS_STORE, bucket: 0, entries };
  }
}
