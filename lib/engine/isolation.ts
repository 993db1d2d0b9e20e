import type { StateContents, StoreChange } from "./frame.ts";
import { ResultIsolation } from "./result-isolation.ts";
import { Suspects, Witness } from "./suspects.ts";

/** Openings in a row without a commit after which events, and results of windows, are tried alone. */
const OPENINGS_BEFORE_CARE = 3;

/** The bucket of events in the store of attempts, by sequence number. */
const EVENTS = 0;

/** What a process remembers of its suspects of both kinds, over all openings of a task. */
export class Witnesses {
  readonly events: Witness = new Witness();
  readonly results: Witness = new Witness();
}

/**
 * Finds the event that kills the process: out of memory, an endless loop. After several openings without progress the
 * task commits the next ones event by event, and notes in the log which one it begins; the note stays until the batch is
 * done, so that a crash in between leads back to single events. A crash by chance hits another event the next time; one
 * that was begun alone several times by processes of which none came back is the culprit. What a frame's end lets windows
 * emit is tried apart: `results`.
 */
export class Isolation {
  readonly results: ResultIsolation;
  readonly #suspects: Suspects;
  #careful: boolean;

  constructor(openingsWithoutProgress: number, state: StateContents, witnesses: Witnesses) {
    this.#suspects = new Suspects(EVENTS, state, witnesses.events);
    this.results = new ResultIsolation(state, witnesses.results);
    this.#careful = openingsWithoutProgress >= OPENINGS_BEFORE_CARE || this.#suspects.any || this.results.any;
  }

  /** Whether events, and results of windows, are to be tried alone first. */
  get careful(): boolean {
    return this.#careful;
  }

  /** Whether an event has ended so many processes that it must not be begun again. */
  condemned(sequenceNumber: number): boolean {
    return this.#suspects.condemned(String(sequenceNumber));
  }

  /** What to note in the log before an event is begun. */
  begin(sequenceNumber: number): StoreChange {
    return this.#suspects.begin(String(sequenceNumber));
  }

  /** The code of the event that was begun last came back. */
  survived(): void {
    this.#suspects.survived();
  }

  /**
   * What to note when the event that was begun last came back, and what follows may end the process: it is to be tried
   * again later, or windows emit.
   */
  absolve(): readonly StoreChange[] {
    return this.#suspects.absolve();
  }

  /** What to note once the batch has been survived: nothing is suspect any more. */
  end(): readonly StoreChange[] {
    this.#careful = false;
    return [...this.#suspects.end(), ...this.results.over()];
  }
}
