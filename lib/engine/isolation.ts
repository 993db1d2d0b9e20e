import type { StateContents, StoreChange } from "./frame.ts";

/** The store that counts how often an event was begun and never finished. */
export const ATTEMPTS_STORE = "$attempts";

/** Openings in a row without a commit after which events are tried alone. */
const OPENINGS_BEFORE_CARE = 3;

/**
 * How often an event may be begun alone, and the process die, before it becomes a dead letter unprocessed. Where machines
 * are starved of processor time a try takes a second or more, and processes that are killed by the dozen have died three
 * times in a row in one that was innocent.
 */
const ATTEMPTS_PER_EVENT = 6;

/** A run behind others of the same batch is a quarter as long as they are together. */
const GROWTH = 4;

/**
 * How many events a careful task runs together when so many of the batch went well: the first ones alone. A crash by
 * chance so costs dozens of commits instead of one for each event, and a culprit comes five times nearer with each crash.
 */
export function carefulRun(survived: number): number {
  return Math.max(1, Math.floor(survived / GROWTH));
}

/**
 * What a living process remembers of the event that it announced last, over all openings of the task: as long as there is
 * somebody to remember, the process has not died of it.
 */
export class Witness {
  #announced: number | undefined;
  #deathsBefore = 0;
  #survived = false;

  announce(sequenceNumber: number, deathsBefore: number): void {
    this.#announced = sequenceNumber;
    this.#deathsBefore = deathsBefore;
    this.#survived = false;
  }

  /** The code of the announced event came back, whether or not its commit will succeed. */
  survive(): void {
    this.#survived = true;
  }

  /** How many processes an event has ended, when the log says that it was begun so often. */
  deaths(sequenceNumber: number, begun: number): number {
    if (this.#announced !== sequenceNumber) return begun;
    if (this.#survived) return 0;
    return begun === this.#deathsBefore + 1 ? this.#deathsBefore : begun;
  }
}

/**
 * Finds the event that kills the process: out of memory, an endless loop. After several openings without progress the
 * task commits the next ones event by event, and notes in the log which one it begins; the note stays until the batch is
 * done, so that a crash in between leads back to single events. A crash by chance hits another event the next time; one that was begun alone several times by processes of which none came back is the culprit.
 */
export class Isolation {
  readonly #witness: Witness;
  #suspect: number | undefined;
  /** How often the suspect was begun, as the log says. */
  #begun = 0;
  #careful: boolean;

  constructor(openingsWithoutProgress: number, state: StateContents, witness: Witness) {
    this.#witness = witness;
    const [noted] = state.get(ATTEMPTS_STORE)?.get(0) ?? [];
    if (noted !== undefined) [this.#suspect, this.#begun] = [Number(noted[0]), Number(noted[1])];
    this.#careful = openingsWithoutProgress >= OPENINGS_BEFORE_CARE || noted !== undefined;
  }

  /** Whether events are to be tried alone first. */
  get careful(): boolean {
    return this.#careful;
  }

  /** Whether an event has ended so many processes that it must not be begun again. */
  condemned(sequenceNumber: number): boolean {
    return this.#deaths(sequenceNumber) >= ATTEMPTS_PER_EVENT;
  }

  /** What to note in the log before an event is begun. */
  begin(sequenceNumber: number): StoreChange {
    const entries: unknown[] = [];
    if (this.#suspect !== undefined && this.#suspect !== sequenceNumber) entries.push(String(this.#suspect), undefined);
    const deaths = this.#deaths(sequenceNumber);
    this.#begun = deaths + 1;
    this.#suspect = sequenceNumber;
    this.#witness.announce(sequenceNumber, deaths);
    entries.push(String(sequenceNumber), this.#begun);
    return { store: ATTEMPTS_STORE, bucket: 0, entries };
  }

  /** The code of the event that was begun last came back. */
  survived(): void {
    this.#witness.survive();
  }

  /** What to note when the event that was begun last came back but is to be tried again later, maybe by another process. */
  putBack(): readonly StoreChange[] {
    const careful = this.#careful;
    const note = this.end();
    this.#careful = careful;
    return note === undefined ? [] : [note];
  }

  /** What to note once the batch has been survived: nothing is suspect any more. */
  end(): StoreChange | undefined {
    this.#careful = false;
    if (this.#suspect === undefined) return undefined;
    const entries = [String(this.#suspect), undefined];
    this.#suspect = undefined;
    return { store: ATTEMPTS_STORE, bucket: 0, entries };
  }

  #deaths(sequenceNumber: number): number {
    return this.#suspect === sequenceNumber ? this.#witness.deaths(sequenceNumber, this.#begun) : 0;
  }
}
