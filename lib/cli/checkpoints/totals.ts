import type { LedgerCounts } from "../../engine/frame.ts";

/** A ledger in a few numbers. */
export interface Totals {
  /** Events of the hub that were processed. */
  readonly events: number;
  /** What came too late, over all stages. */
  readonly late: number;
  readonly deadLetters: number;
  /** What the hub's retention removed before it was processed. */
  readonly lost: number;
}

/** What a ledger comes to; zeros where there is none yet. */
export function totalsOf(ledger: LedgerCounts | undefined): Totals {
  const stages = ledger?.stages ?? [];
  const { processed = 0, lost = 0 } = ledger?.source ?? {};
  const late = stages.reduce((sum, stage) => sum + stage.late, 0);
  const deadLetters = stages.reduce((sum, stage) => sum + stage.deadLettered, 0);
  return { events: processed, late, deadLetters, lost };
}
