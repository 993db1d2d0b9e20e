import { TidemarkError } from "../errors.ts";
import { removeCovered } from "./cleanup.ts";
import { type ClosedSegment, compact } from "./compaction.ts";
import type { LogContext } from "./context.ts";
import type { SnapshotRef } from "./records.ts";

/** Builds snapshots beside the log's owner, one at a time, and clears away what they make superfluous. */
export class SnapshotKeeper {
  /** Damage that was found while compacting: without repair the log could not be recovered. */
  trouble: TidemarkError | undefined;
  /** A snapshot that is durable; it counts once a frame refers to it. */
  finished: SnapshotRef | undefined;
  readonly #context: LogContext;
  readonly #generation: number;
  #base: SnapshotRef | undefined;
  #closed: ClosedSegment[];
  /** A snapshot that counts and whose superfluous blobs were not removed yet. */
  #covering: SnapshotRef | undefined;
  #stopped = false;
  #running = false;
  #work: Promise<void> = Promise.resolve();

  constructor(
    context: LogContext,
    generation: number,
    base: SnapshotRef | undefined,
    closed: readonly ClosedSegment[],
  ) {
    this.#context = context;
    this.#generation = generation;
    this.#base = base;
    this.#closed = [...closed];
    this.#wake();
  }

  /** A segment was closed. */
  closed(segment: string, ordinal: number): void {
    this.#closed.push({ segment, ordinal });
    this.#wake();
  }

  /** A frame that refers to the snapshot is durable. */
  referenced(snapshot: SnapshotRef): void {
    this.finished = undefined;
    this.#base = snapshot;
    this.#closed = this.#closed.filter(({ ordinal }) => ordinal > snapshot.through);
    this.#covering = snapshot;
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
  }

  async close(): Promise<void> {
    this.stop();
    await this.#work;
  }

  #wake(): void {
    if (!this.#running && !this.#stopped) this.#work = this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (!this.#stopped && (await this.#step()));
    } catch (error) {
      // Storage trouble is left for the next time: the log grows meanwhile and loses nothing. Damage is not.
      if (error instanceof TidemarkError && error.code === "LOG_DAMAGED") this.trouble = error;
    } finally {
      this.#running = false;
    }
  }

  /** Does the next piece of work; false when there is none. */
  async #step(): Promise<boolean> {
    const [first, ...rest] = this.#closed;
    const covering = this.#covering;
    if (covering) {
      this.#covering = undefined;
      await removeCovered(this.#context, this.#generation, covering);
      return true;
    }
    if (first === undefined || this.finished) return false;
    const stopped = (): boolean => this.#stopped;
    this.finished = await compact(this.#context, this.#generation, this.#base, [first, ...rest], stopped);
    return this.finished !== undefined;
  }
}
