import type { StateContents, StoreChange } from "./frame.ts";

/** The store that counts how often something was begun and never finished: an event, or a result of a window. */
export const ATTEMPTS_STORE = "$attempts";

/**
 * How often something may be begun alone, and the process die, before it becomes a dead letter unprocessed. Where machines
 * are starved of processor time a try takes a second or more, and processes that are killed by the dozen have died three
 * times in a row in one that was innocent.
 */
const MOST_ATTEMPTS = 6;

/** A run behind others is a quarter as long as they are together. */
const GROWTH = 4;

/**
 * How many events or results a careful task runs together when so many went well: the first ones alone. A crash by chance
 * so costs dozens of commits instead of one for each, and a culprit comes five times nearer with each crash.
 */
export function carefulRun(survived: number): number {
  return Math.max(1, Math.floor(survived / GROWTH));
}

/**
 * What a living process remembers of what it announced last, over all openings of the task: as long as there is somebody
 * to remember, the process has not died of it. Of two, since the log knows the one before until the note of the last is in it.
 */
export class Witness {
  #last: Announced | undefined;
  #before: Announced | undefined;

  announce(id: string, deathsBefore: number): void {
    if (this.#last?.id !== id) this.#before = this.#last;
    this.#last = { id, deathsBefore, survived: false };
  }

  /** The code of what was announced came back, whether or not its commit will succeed. */
  survive(): void {
    if (this.#last !== undefined) this.#last.survived = true;
  }

  /** How many processes something has ended, when the log says that it was begun so often. */
  deaths(id: string, begun: number): number {
    const own = this.#last?.id === id ? this.#last : this.#before?.id === id ? this.#before : undefined;
    if (own === undefined) return begun;
    if (own.survived) return 0;
    return begun === own.deathsBefore + 1 ? own.deathsBefore : begun;
  }
}

interface Announced {
  readonly id: string;
  readonly deathsBefore: number;
  survived: boolean;
}

/** What is suspected of ending the process, and how often it was begun alone, as the log says. */
export class Suspects {
  readonly #bucket: number;
  readonly #witness: Witness;
  readonly #begun = new Map<string, number>();

  /** `bucket`: of the store, one for each kind of suspects. */
  constructor(bucket: number, state: StateContents, witness: Witness) {
    this.#bucket = bucket;
    this.#witness = witness;
    for (const [id, begun] of state.get(ATTEMPTS_STORE)?.get(bucket) ?? []) this.#begun.set(id, Number(begun));
  }

  get any(): boolean {
    return this.#begun.size > 0;
  }

  /** Whether something has ended so many processes that it must not be begun again. */
  condemned(id: string): boolean {
    return this.#deaths(id) >= MOST_ATTEMPTS;
  }

  /** What to note in the log before something is begun alone. */
  begin(id: string): StoreChange {
    const deaths = this.#deaths(id);
    const entries = this.#absolved(id);
    this.#begun.set(id, deaths + 1);
    this.#witness.announce(id, deaths);
    return this.#note([...entries, id, deaths + 1]);
  }

  /** The code of what was begun last came back. */
  survived(): void {
    this.#witness.survive();
  }

  /** What to note when what was begun last came back, and something else may end the process before the next is begun. */
  absolve(): readonly StoreChange[] {
    const entries = this.#absolved(undefined);
    return entries.length === 0 ? [] : [this.#note(entries)];
  }

  /** What to note when nothing is suspect any more. */
  end(): readonly StoreChange[] {
    if (!this.any) return [];
    const entries = [...this.#begun.keys()].flatMap((id) => [id, undefined]);
    this.#begun.clear();
    return [this.#note(entries)];
  }

  #deaths(id: string): number {
    const begun = this.#begun.get(id);
    return begun === undefined ? 0 : this.#witness.deaths(id, begun);
  }

  #absolved(next: string | undefined): unknown[] {
    const entries: unknown[] = [];
    for (const id of this.#begun.keys()) {
      if (id === next || this.#deaths(id) > 0) continue;
      this.#begun.delete(id);
      entries.push(id, undefined);
    }
    return entries;
  }

  #note(entries: readonly unknown[]): StoreChange {
    return { store: ATTEMPTS_STORE, bucket: this.#bucket, entries };
  }
}
