import type { CommitMetrics } from "../engine/meter.ts";

/** One line of structured log for each commit: the live screen and Application Insights read it. */
export interface CommitLine extends CommitMetrics {
  readonly metric: "commit";
  /** From an event's enqueued time to its delivery: counts by bucket; see `LatencyHistogram`. */
  readonly latency: LatencyCounts;
}

/** Count by the number of a bucket, as text; buckets without events are left out. */
export type LatencyCounts = Readonly<Record<string, number>>;

/** What every line of Tidemark's own metrics begins with. */
export const METRIC_PREFIX = "tidemark";

/** The text of a commit's line; a logger puts METRIC_PREFIX and a space before it. */
export function formatCommitLine(metrics: CommitMetrics, latency: LatencyHistogram): string {
  const line: CommitLine = { metric: "commit", ...metrics, latency: latency.counts() };
  return JSON.stringify(line);
}

/** Reads a log message as a commit's line; undefined when it is something else. */
export function parseCommitLine(message: string): CommitLine | undefined {
  if (!message.startsWith(`${METRIC_PREFIX} {"metric":"commit"`)) return undefined;
  try {
    return JSON.parse(message.slice(METRIC_PREFIX.length + 1)) as CommitLine;
  } catch {
    return undefined;
  }
}

/** Each bucket ends an eighth of an octave, about 9 %, above the one before. */
const BUCKETS_AN_OCTAVE = 8;

/** Counts latencies in buckets of about 9 %; bucket 0 is everything up to a millisecond. */
export class LatencyHistogram {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** Counts one latency, in milliseconds; a negative one, from a clock that is behind, counts as none. */
  add(milliseconds: number): void {
    this.#count(Math.ceil(Math.log2(Math.max(1, milliseconds)) * BUCKETS_AN_OCTAVE), 1);
  }

  merge(counts: LatencyCounts): void {
    for (const [bucket, count] of Object.entries(counts)) this.#count(Number(bucket), count);
  }

  /** The latency, in milliseconds, that a share `q` of the events did not exceed; undefined when nothing was counted. */
  quantile(q: number): number | undefined {
    let rank = Math.max(1, Math.ceil(q * this.#total));
    for (const [bucket, count] of [...this.#counts].sort(([a], [b]) => a - b)) {
      rank -= count;
      if (rank <= 0) return 2 ** (bucket / BUCKETS_AN_OCTAVE);
    }
    return undefined;
  }

  counts(): LatencyCounts {
    return Object.fromEntries(this.#counts);
  }

  #count(bucket: number, count: number): void {
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    this.#total += count;
  }
}
