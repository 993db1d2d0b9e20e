import type { Verification } from "../verify/verify.ts";
import type { Board } from "./board.ts";
import type { FaultCounts } from "./inject.ts";
import type { OutageService } from "./schedule.ts";
import type { StallWatch } from "./stalls.ts";

/** What `torture --json` prints. */
export interface TortureReport {
  /** SIGKILLs of workers and of whole instances. */
  readonly kills: number;
  /** SIGSTOPs that were followed by a SIGCONT. */
  readonly pauses: number;
  readonly outages: Readonly<Record<OutageService, number>>;
  /** Partitions that another instance committed on while their owner was paused … */
  readonly takeovers: number;
  /** … and how many of those owners woke with a batch in hand. */
  readonly zombies: number;
  /** … and how many woke with results to deliver of which another had written newer versions meanwhile. */
  readonly debtors: number;
  /** Other changes of a partition's owner. */
  readonly rebalances: number;
  readonly events: number;
  /** Documents in both containers. */
  readonly results: number;
  readonly differences: number;
  readonly ledger: { readonly balanced: boolean };
  /** What Cosmos DB saw while it ran. */
  readonly fences: FenceFindings;
  /** How long tasks that had work did not move. */
  readonly stalls: {
    /** With no fault in force from beginning to end. */
    readonly longestSeconds: number;
    readonly longestOf: string | null;
    /** How many of those were longer than ten seconds. */
    readonly overTenSeconds: number;
    /** Whatever was wrong meanwhile. */
    readonly longestUnderFireSeconds: number;
  };
  /** From the first event published to the last result delivered. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly seed: number;
}

export interface FenceFindings {
  /** Writes over something newer, and frames that wrote and were never committed: none may be. */
  readonly breaches: number;
  /** Frames that wrote documents, each of them found in its log. */
  readonly frames: number;
  /** Writes that would have replaced a newer version by an older one: without any, nothing is said of the fence. */
  readonly refused: number;
}

export interface Findings {
  readonly counts: FaultCounts;
  readonly board: Board;
  readonly stalls: StallWatch;
  readonly verification: Verification;
  readonly fences: FenceFindings;
  readonly seconds: number;
  readonly seed: number;
}

export function makeReport(findings: Findings): TortureReport {
  const { counts, board, stalls, verification, fences, seconds, seed } = findings;
  const { events, results, differences, balanced } = verification;
  const { takeovers, zombies, debtors, rebalances } = board;
  const { longest, longestUnderFire, long } = stalls;
  return {
    ...{ kills: counts.kills, pauses: counts.pauses, outages: counts.outages, takeovers, zombies, debtors, rebalances },
    ...{ events, results, differences, ledger: { balanced }, fences },
    stalls: {
      longestSeconds: tenths(longest?.ms),
      longestOf: longest?.task ?? null,
      overTenSeconds: long,
      longestUnderFireSeconds: tenths(longestUnderFire?.ms),
    },
    seconds: tenths(seconds * 1000),
    eventsPerSecond: Math.round(events / seconds),
    seed,
  };
}

/** Milliseconds as seconds with one decimal. */
function tenths(milliseconds = 0): number {
  return Math.round(milliseconds / 100) / 10;
}
