import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import type { StageCounts } from "../../engine/frame.ts";

/** One pipeline's ledger, all its partitions together. */
export interface PipelineLedger {
  readonly partitions: number;
  readonly balanced: boolean;
  /** position − start. */
  readonly events: number;
  readonly processed: number;
  readonly control: number;
  readonly lost: number;
  readonly holes: number;
  readonly stages: readonly StageCounts[];
}

type Column = Exclude<keyof StageCounts, "stage">;

const DISPOSITIONS: readonly Column[] = ["passed", "aggregated", "filtered", "late", "deadLettered", "duplicate"];
const COLUMNS: readonly Column[] = ["in", ...DISPOSITIONS, "out"];

/** Adds up the ledgers of a pipeline's tasks and checks each of them with arithmetic of its own. */
export function sumLedgers(tasks: readonly LogStatus[]): PipelineLedger {
  const stages = new Map<string, Record<Column, number>>();
  const total = { events: 0, processed: 0, control: 0, lost: 0, holes: 0 };
  let balanced = true;
  for (const { position, start, ledger } of tasks) {
    total.events += position - start.position;
    if (ledger === undefined) continue;
    const { processed, control, lost, holes } = ledger.source;
    total.processed += processed;
    total.control += control;
    total.lost += lost;
    total.holes += holes;
    if (position - start.position !== processed + control + lost + holes) balanced = false;
    for (const row of ledger.stages) {
      if (row.in !== DISPOSITIONS.reduce((sum, column) => sum + row[column], 0)) balanced = false;
      addRow(stages, row);
    }
  }
  const rows = [...stages].map(([stage, counts]) => ({ stage, ...counts }));
  return { partitions: tasks.length, balanced, ...total, stages: rows };
}

/** A column over all stages of a pipeline. */
export function totalOf(ledger: PipelineLedger, column: Column): number {
  return ledger.stages.reduce((sum, row) => sum + row[column], 0);
}

function addRow(stages: Map<string, Record<Column, number>>, row: StageCounts): void {
  let counts = stages.get(row.stage);
  if (counts === undefined) {
    counts = Object.fromEntries(COLUMNS.map((column) => [column, 0])) as Record<Column, number>;
    stages.set(row.stage, counts);
  }
  for (const column of COLUMNS) counts[column] += row[column];
}
