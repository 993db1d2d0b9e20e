import { TidemarkError } from "../errors.ts";
import type { LedgerCounts, SourceCounts, StageCounts } from "./frame.ts";
import type { TaskId } from "./ports.ts";

/** The columns of a stage's row: how many inputs, what became of each, and how many outputs. */
export const COLUMNS = ["in", "passed", "aggregated", "filtered", "late", "deadLettered", "duplicate", "out"] as const;

export type Column = (typeof COLUMNS)[number];

const WIDTH = COLUMNS.length;
const OUT = COLUMNS.indexOf("out");

/** Where a stage's column is counted. */
export function slotOf(stage: number, column: Column): number {
  return stage * WIDTH + COLUMNS.indexOf(column);
}

/** Accounts for every event of a task: a row for the source, then one for each stage and sink, in plan order. */
export class Ledger {
  readonly #id: TaskId;
  readonly #stages: readonly LedgerRow[];
  readonly counts: Float64Array;
  /**
   * By row: what its predecessor had sent to others when the task was opened. Stages without state may come and go
   * between two versions of a plan, and every frame was in balance.
   */
  readonly #before: readonly number[];
  source: { -readonly [K in keyof SourceCounts]: number };

  constructor(id: TaskId, rows: readonly LedgerRow[], start: number, restored: LedgerCounts | undefined) {
    this.#id = id;
    this.#stages = rows;
    this.counts = new Float64Array(rows.length * WIDTH);
    this.source = { start, processed: 0, lost: 0, holes: 0, control: 0, ...restored?.source };
    for (const [index, row] of rows.entries()) {
      const old = restored?.stages.find((counts) => counts.stage === row.stage);
      for (const column of COLUMNS) this.counts[slotOf(index, column)] = old?.[column] ?? 0;
    }
    this.#before = rows.map((row, index) => this.#sentTo(row) - (this.counts[slotOf(index, "in")] as number));
  }

  toCounts(): LedgerCounts {
    return { source: { ...this.source }, stages: this.#stages.map((row, index) => this.#row(row.stage, index)) };
  }

  /** Throws LEDGER_IMBALANCE, with both sides, when an event is unaccounted for. */
  check(position: number): void {
    const { start, processed, lost, holes, control } = this.source;
    if (position - start !== processed + lost + holes + control) {
      this.#imbalance(
        "source",
        `position ${position} − start ${start} = ${position - start}, but processed ${processed} + lost ${lost} + holes ${holes} + control ${control} = ${processed + lost + holes + control}`,
      );
    }
    for (const [index, { stage, input }] of this.#stages.entries()) {
      const arrived = this.counts[index * WIDTH] as number;
      let disposed = 0;
      for (let column = 1; column < OUT; column++) disposed += this.counts[index * WIDTH + column] as number;
      if (arrived !== disposed) {
        const row = this.#row(stage, index);
        const parts = COLUMNS.slice(1, OUT).map((column) => `${column} ${row[column]}`);
        this.#imbalance(stage, `in ${arrived}, but ${parts.join(" + ")} = ${disposed}`);
      }
      const sent = this.#sentTo({ input }) - (this.#before[index] as number);
      if (sent !== arrived) {
        const from = input === undefined ? "the hub" : `"${this.#stages[input]?.stage}"`;
        this.#imbalance(stage, `${from} sent ${sent}, but ${arrived} arrived`);
      }
    }
  }

  #sentTo({ input }: Pick<LedgerRow, "input">): number {
    return input === undefined ? this.source.processed : (this.counts[input * WIDTH + OUT] as number);
  }

  /** Field by field, in the order of the columns: this is done for every stage of every frame. */
  #row(stage: string, index: number): StageCounts {
    const at = (column: number): number => this.counts[index * WIDTH + column] as number;
    return {
      stage,
      in: at(0),
      passed: at(1),
      aggregated: at(2),
      filtered: at(3),
      late: at(4),
      deadLettered: at(5),
      duplicate: at(6),
      out: at(7),
    };
  }

  #imbalance(stage: string, sides: string): never {
    throw new TidemarkError("LEDGER_IMBALANCE", `The ledger does not balance: ${sides}.`, {
      ...this.#id,
      stage,
      fix: "Nothing of this batch was committed. Report it with this message: it is a defect in a stage, not in your data.",
    });
  }
}

export interface LedgerRow {
  readonly stage: string;
  /** The row whose outputs are this one's inputs; undefined for the source, whose input is the hub. */
  readonly input: number | undefined;
}
