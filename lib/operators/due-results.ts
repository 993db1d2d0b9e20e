import { isoText } from "../engine/instant.ts";
import type { Bucket, Cell, WindowState } from "./window-state.ts";

/** What a closing frame lets windows emit, one result after the other, earliest window first. */
export class DueResults {
  readonly #state: WindowState;
  readonly #size: number;
  /** Called when all of a window is out. */
  readonly #onFired: (bucket: Bucket) => void;
  #buckets: readonly Bucket[] = [];
  #at = 0;
  #cells: Iterator<Cell, undefined> | undefined;
  #updates = 0;
  /** The next result; undefined when all are out. */
  cell: Cell | undefined;
  /** Its window, as ISO 8601 UTC texts, and the window's last millisecond since the epoch. */
  windowStart = "";
  windowEnd = "";
  timestamp = 0;

  /** `size` in milliseconds. */
  constructor(state: WindowState, size: number, onFired: (bucket: Bucket) => void) {
    this.#state = state;
    this.#size = size;
    this.#onFired = onFired;
  }

  /** Turns to windows that are due: all keys of those that fire now, what changed of those that did before. */
  begin(buckets: readonly Bucket[]): void {
    this.#buckets = buckets;
    this.#at = 0;
    this.#open();
    this.advance();
  }

  /** Turns to the next result. */
  advance(): void {
    for (let bucket = this.#buckets[this.#at]; bucket !== undefined; bucket = this.#buckets[++this.#at], this.#open()) {
      this.cell = this.#cells === undefined ? bucket.dirty[this.#updates++] : this.#cells.next().value;
      if (this.cell !== undefined) return;
      this.#onFired(bucket);
    }
    this.cell = undefined;
  }

  #open(): void {
    const bucket = this.#buckets[this.#at];
    if (bucket === undefined) return;
    this.#cells = bucket.fired ? undefined : this.#state.cells(bucket);
    this.#updates = 0;
    this.windowStart = isoText(bucket.start);
    this.windowEnd = isoText(bucket.start + this.#size);
    this.timestamp = bucket.start + this.#size - 1;
  }
}
