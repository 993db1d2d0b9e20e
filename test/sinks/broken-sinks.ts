import { ALL_DELIVERED, type FrameStamp, type Sink, type SinkTask, TidemarkError } from "tidemark";

/** Ways in which a sink can be wrong. */
export const FLAWS = [
  "appends what it has already",
  "remembers in one owner's memory what was delivered",
  "is not fenced",
  "fences all tasks together",
  "fences without the generation",
  "blocks on one bad value",
  "leaves out the rest of a frame with a bad value",
  "tells once what it refused",
  "takes a frame for done before it is written",
  "writes a frame from its end",
  "leaves out the first frame",
  "gives up for good",
  "writes when its time is over",
] as const;

export type Flaw = (typeof FLAWS)[number] | "none";

export interface Versioned {
  readonly key: string;
  readonly version: number;
}

interface Cell {
  readonly versions: readonly number[];
  readonly stamp: FrameStamp;
}

/** A service in memory that keeps the last version of each key, or all, and fails in the midst of a frame when told so. */
export class Shelf {
  readonly cells = new Map<string, Cell>();
  /** The frames that were written, and the newest of them; what a sink may ask. */
  readonly frames = new Set<string>();
  newest: FrameStamp | undefined;
  failing = false;

  write(key: string, cell: Cell): void {
    this.cells.set(key, cell);
    if (!this.failing) return;
    this.failing = false;
    throw new Error("the shelf fell over");
  }
}

export const BAD = "bad";

/** A sink that keeps to every rule but one. */
export function shelfSink(shelf: Shelf, keeps: "latest" | "every", flaw: Flaw): Sink<Versioned> {
  return {
    kind: "shelf",
    name: "shelf",
    target: { kind: "custom", name: "shelf" },
    open: async () => new ShelfTask(shelf, keeps, flaw),
  };
}

class ShelfTask implements SinkTask<Versioned> {
  readonly #shelf: Shelf;
  readonly #keeps: "latest" | "every";
  readonly #flaw: Flaw;
  readonly #delivered = new Set<string>();
  readonly #told = new Set<string>();

  constructor(shelf: Shelf, keeps: "latest" | "every", flaw: Flaw) {
    this.#shelf = shelf;
    this.#keeps = keeps;
    this.#flaw = flaw;
  }

  prepare(value: Versioned): Versioned {
    return value;
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal) {
    if (signal.aborted && this.#flaw !== "writes when its time is over") throw this.#away(signal.reason);
    if (this.#flaw === "leaves out the first frame" && stamp.sequence === 1) return ALL_DELIVERED;
    const frame = `${stamp.pipeline}/${stamp.partition}/${stamp.generation}/${stamp.sequence}`;
    const known =
      this.#flaw === "remembers in one owner's memory what was delivered" ? this.#delivered : this.#shelf.frames;
    const early = this.#flaw === "takes a frame for done before it is written";
    const asks = this.#keeps === "every" || early;
    if (asks && this.#flaw !== "appends what it has already" && known.has(frame)) {
      return { refused: refusals(messages as readonly Versioned[]) };
    }
    if (early) known.add(frame);
    try {
      const refused = this.#writeAll(messages as readonly Versioned[], stamp);
      known.add(frame);
      this.#shelf.newest = stamp;
      const tells = this.#flaw !== "tells once what it refused" || !this.#told.has(frame);
      this.#told.add(frame);
      return { refused: tells ? refused : [] };
    } catch (error) {
      throw error instanceof TidemarkError || this.#flaw === "blocks on one bad value" ? error : this.#away(error);
    }
  }

  async close(): Promise<void> {}

  #writeAll(values: readonly Versioned[], stamp: FrameStamp): Refusals {
    const before = new Map(this.#shelf.cells);
    const inOrder = this.#flaw === "writes a frame from its end" ? values.toReversed() : values;
    try {
      for (const value of inOrder) {
        if (value.key !== BAD) this.#writeOne(value, stamp);
        else if (this.#flaw === "blocks on one bad value") throw new Error("bad value");
        else if (this.#flaw === "leaves out the rest of a frame with a bad value") break;
      }
      return refusals(values);
    } catch (error) {
      // Where every version counts, a frame is written whole or not at all.
      if (this.#keeps === "every") {
        this.#shelf.cells.clear();
        for (const [key, cell] of before) this.#shelf.cells.set(key, cell);
      }
      throw error;
    }
  }

  #writeOne({ key, version }: Versioned, stamp: FrameStamp): void {
    const old = this.#shelf.cells.get(key);
    if (this.#keeps === "every") {
      this.#shelf.write(key, { versions: [...(old?.versions ?? []), version], stamp });
    } else if (this.#flaw === "fences all tasks together") {
      if (this.#isNewer(this.#shelf.newest, stamp)) return;
      this.#shelf.write(key, { versions: [version], stamp });
    } else if (this.#flaw === "is not fenced" || !this.#isNewer(old?.stamp, stamp)) {
      this.#shelf.write(key, { versions: [version], stamp });
    }
  }

  #isNewer(stored: FrameStamp | undefined, stamp: FrameStamp): boolean {
    if (stored === undefined) return false;
    if (this.#flaw === "fences without the generation") return stored.sequence > stamp.sequence;
    return (
      stored.generation > stamp.generation ||
      (stored.generation === stamp.generation && stored.sequence > stamp.sequence)
    );
  }

  #away(cause: unknown): Error {
    if (this.#flaw === "gives up for good") return new TidemarkError("UNAVAILABLE", "The shelf is away.", { cause });
    return new TidemarkError("UNAVAILABLE", "The shelf is away.", { retryable: true, cause });
  }
}

type Refusals = { readonly message: unknown; readonly reason: string }[];

function refusals(values: readonly Versioned[]): Refusals {
  return values.filter(({ key }) => key === BAD).map((message) => ({ message, reason: "bad value" }));
}
