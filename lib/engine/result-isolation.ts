import type { StateContents, StoreChange } from "./frame.ts";
import { ATTEMPTS_STORE, carefulRun, Suspects, type Witness } from "./suspects.ts";

/** The buckets of results in the store of attempts, and of how far the emission of a frame came. */
const RESULTS = 1;
const PROGRESS = 2;

/** The only key of the bucket of progress. */
const EMITTED = "emitted";

/**
 * Finds the result of a window that kills the process when the stages behind the window get it. Results are emitted when
 * a frame closes, not for an event, and none of them is committed before all are out: so the log notes how many were out
 * when the next were begun. The next process emits as many together and then goes on one by one.
 */
export class ResultIsolation {
  readonly #suspects: Suspects;
  /** How many results of the coming frame another process has survived. */
  #safe: number;
  #noted: boolean;

  constructor(state: StateContents, witness: Witness) {
    this.#suspects = new Suspects(RESULTS, state, witness);
    const emitted = state.get(ATTEMPTS_STORE)?.get(PROGRESS)?.get(EMITTED);
    this.#safe = Number(emitted ?? 0);
    this.#noted = emitted !== undefined;
  }

  /** Whether results were emitted with care, and the batch is not done. */
  get any(): boolean {
    return this.#noted || this.#suspects.any;
  }

  condemned(id: string): boolean {
    return this.#suspects.condemned(id);
  }

  /** How many results to emit together when so many are out. */
  run(emitted: number): number {
    return emitted < this.#safe ? this.#safe - emitted : carefulRun(emitted - this.#safe);
  }

  /** What to note before results are emitted, so many being out; `alone`: the only one of them. */
  begin(emitted: number, alone: string | undefined): readonly StoreChange[] {
    this.#noted = true;
    const suspects = alone === undefined ? this.#suspects.absolve() : [this.#suspects.begin(alone)];
    return [progress(emitted), ...suspects];
  }

  /** The code behind the window came back. */
  survived(): void {
    this.#suspects.survived();
  }

  /** What to note when the result that was begun last came back, and something else may end the process. */
  absolve(): readonly StoreChange[] {
    return this.#suspects.absolve();
  }

  /** What the frame must note that holds all results; that there were any stays noted, and so the care for the batch. */
  end(): readonly StoreChange[] {
    if (!this.any) return [];
    this.#safe = 0;
    this.#noted = true;
    return [progress(0), ...this.#suspects.end()];
  }

  /** What to note once the batch has been survived. */
  over(): readonly StoreChange[] {
    if (!this.#noted) return [];
    this.#noted = false;
    return [progress(undefined)];
  }
}

function progress(emitted: number | undefined): StoreChange {
  return { store: ATTEMPTS_STORE, bucket: PROGRESS, entries: [EMITTED, emitted] };
}
