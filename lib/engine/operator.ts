import type { EventContext } from "./context.ts";
import type { StoreChange } from "./frame.ts";
import { slotOf } from "./ledger.ts";
import type { TableView } from "./tables.ts";

/** What a stage is given when a task opens it. */
export interface StageOpening {
  /** The stage's row in the ledger. */
  readonly index: number;
  readonly name: string;
  /** What the stage's store held when the log was recovered: bucket → key → value. The stage may keep and change the buckets. */
  readonly store: ReadonlyMap<number, Map<string, unknown>>;
  /** The watermark the log was recovered with, downstream holds taken off. */
  readonly watermark: number;
  readonly tables: TableView;
}

/** What a result is known by, also to another process: its stage, its key and the event time that it is stamped with. */
export interface Result {
  readonly stage: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
}

/** A text that is the same for the same result, whoever computes it. */
export function idOf({ stage, key, timestamp }: Result): string {
  return JSON.stringify([stage, key, timestamp]);
}

/**
 * A running stage. `process` is synchronous and passes values on by calling `next`; it counts its input and exactly one
 * disposition, and defers every change through the context's effects.
 */
export abstract class Operator {
  readonly index: number;
  readonly name: string;
  next: Operator = NOWHERE;
  /** Slots of this stage's ledger row. */
  protected readonly counts: {
    readonly in: number;
    readonly passed: number;
    readonly filtered: number;
    readonly aggregated: number;
    readonly late: number;
    readonly duplicate: number;
    readonly out: number;
  };

  constructor(opening: Pick<StageOpening, "index" | "name">) {
    this.index = opening.index;
    this.name = opening.name;
    const slot = (column: Parameters<typeof slotOf>[1]) => slotOf(opening.index, column);
    this.counts = {
      in: slot("in"),
      passed: slot("passed"),
      filtered: slot("filtered"),
      aggregated: slot("aggregated"),
      late: slot("late"),
      duplicate: slot("duplicate"),
      out: slot("out"),
    };
  }

  abstract process(value: unknown, context: EventContext): void;

  /**
   * Called once at the end of a frame, upstream stages first, with the watermark that this stage may rely on. Results that
   * are due are emitted from then on, one by one, before the next stage has its turn.
   */
  closeFrame(_watermark: number): void {}

  /** The result that `emitNext` would emit; undefined when none is due. */
  get nextResult(): Result | undefined {
    return undefined;
  }

  /**
   * Emits the next result; false when none is due. Throws StageFailure when it is to be tried again, or stops the task:
   * then it is the next result still.
   */
  emitNext(_context: EventContext): boolean {
    return false;
  }

  /** Makes the next result a dead letter of the stage behind, without computing it. */
  refuseNext(_context: EventContext, _reason: string): void {}

  /** The watermark at which the stage will next have something to emit; undefined when nothing waits. */
  nextTimer(): number | undefined {
    return undefined;
  }

  /** How many results or ids the stage holds now. */
  get buffered(): number {
    return 0;
  }

  /** Changes of the stage's store since the last call. */
  changes(): readonly StoreChange[] {
    return [];
  }
}

/** Where values go that nobody takes: reaching it is a defect. */
const NOWHERE = {
  process(): never {
    throw new Error("a stage has no successor");
  },
} as unknown as Operator;
