import type { PipelineLedger } from "../verify/ledgers.ts";

/** What `--once --json` prints. */
export interface OnceReport {
  /** Events that hub `flights` holds, markers not counted. */
  readonly events: number;
  /** Of these, as pipeline `delays` should see them: no plausible flight … */
  readonly malformed: number;
  /** … an id that had been accepted already … */
  readonly duplicates: number;
  /** … too far behind the watermark. */
  readonly late: number;
  /** Dead letters that `delays` has written. */
  readonly deadLettered: number;
  /** Documents in both containers. */
  readonly results: number;
  readonly differences: number;
  readonly ledger: {
    readonly balanced: boolean;
    readonly pipelines: Readonly<Record<string, PipelineLedger>>;
  };
  /** From the first event published to the last result delivered. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** From an event's enqueued time to the delivery of the results of its batch, over all events of `delays`. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
}
