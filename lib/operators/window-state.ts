import type { Aggregate } from "../aggregates/aggregate.ts";
import type { StoreChange } from "../engine/frame.ts";

/** One key's accumulators in one window. */
export interface Cell {
  readonly key: string;
  readonly accumulators: unknown[];
  dirty: boolean;
}

/** All keys of one window. */
export interface Bucket {
  /** When the window starts, milliseconds since the epoch. */
  readonly start: number;
  /** As it was recovered, a value is the accumulators alone: with a million keys, cells are made when they are asked for. */
  readonly cells: Map<string, Cell | unknown[]>;
  /** Cells that changed since the last frame. */
  dirty: Cell[];
  /** Whether the window's on-time results have left. */
  fired: boolean;
}

/** The open windows of a stage, in the order of their start, and what changed in them since the last frame. */
export class WindowState {
  readonly #store: string;
  readonly #aggregates: readonly Aggregate<unknown, unknown>[];
  readonly #buckets = new Map<number, Bucket>();
  /** Of the windows, in order; until the frame's end, also of those that were dropped. */
  #starts: number[] = [];
  #dropped: number[] = [];

  constructor(
    store: string,
    aggregates: readonly Aggregate<unknown, unknown>[],
    restored: ReadonlyMap<number, Map<string, unknown>>,
  ) {
    this.#store = store;
    this.#aggregates = aggregates;
    for (const [start, keys] of restored) this.#open(start, keys as Map<string, unknown[]>);
  }

  /** Adds one event's inputs to a window; opens the window when it is new. */
  add(start: number, key: string, inputs: readonly unknown[]): void {
    const bucket = this.#buckets.get(start) ?? this.#open(start);
    const found = bucket.cells.get(key);
    let cell: Cell;
    if (found === undefined || Array.isArray(found)) {
      const accumulators = found ?? this.#aggregates.map((aggregate) => aggregate.initial());
      cell = { key, accumulators, dirty: false };
      bucket.cells.set(key, cell);
    } else cell = found;
    for (let i = 0; i < inputs.length; i++) {
      const input = inputs[i];
      if (input === undefined) continue;
      cell.accumulators[i] = (this.#aggregates[i] as Aggregate<unknown, unknown>).add(cell.accumulators[i], input);
    }
    if (!cell.dirty) {
      cell.dirty = true;
      bucket.dirty.push(cell);
    }
  }

  /** Windows that start before a time, earliest first. */
  before(time: number): readonly Bucket[] {
    const found: Bucket[] = [];
    for (const bucket of this.all()) {
      if (bucket.start >= time) break;
      found.push(bucket);
    }
    return found;
  }

  /** Windows in order of their start. */
  *all(): Generator<Bucket> {
    for (const start of this.#starts) {
      const bucket = this.#buckets.get(start);
      if (bucket !== undefined) yield bucket;
    }
  }

  /** How many keys all windows have together. */
  get size(): number {
    let keys = 0;
    for (const { cells } of this.#buckets.values()) keys += cells.size;
    return keys;
  }

  drop(bucket: Bucket): void {
    this.#buckets.delete(bucket.start);
    this.#dropped.push(bucket.start);
  }

  /** A window's cells. */
  *cells(bucket: Bucket): Generator<Cell> {
    for (const [key, found] of bucket.cells) {
      yield Array.isArray(found) ? { key, accumulators: found, dirty: false } : found;
    }
  }

  /** The results of a cell, in the order of the aggregates. */
  results(cell: Cell): unknown[] {
    return this.#aggregates.map((aggregate, i) => aggregate.result(cell.accumulators[i]));
  }

  changes(): readonly StoreChange[] {
    const store = this.#store;
    const changes: StoreChange[] = [];
    for (const { start, dirty } of this.#buckets.values()) {
      if (dirty.length === 0) continue;
      const entries: unknown[] = [];
      for (const cell of dirty) {
        entries.push(cell.key, cell.accumulators);
        cell.dirty = false;
      }
      dirty.length = 0;
      changes.push({ store, bucket: start, entries });
    }
    for (const bucket of this.#dropped) changes.push({ store, bucket, entries: [], dropped: true });
    // Once for all that closed together: a jump of event time may close a hundred thousand.
    if (this.#dropped.length > 0) this.#starts = this.#starts.filter((start) => this.#buckets.has(start));
    this.#dropped = [];
    return changes;
  }

  #open(start: number, cells: Bucket["cells"] = new Map()): Bucket {
    const bucket: Bucket = { start, cells, dirty: [], fired: false };
    this.#buckets.set(start, bucket);
    let place = this.#starts.length;
    while (place > 0 && (this.#starts[place - 1] as number) > start) place--;
    this.#starts.splice(place, 0, start);
    return bucket;
  }
}
