import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import { END_OF_TIME, NO_WATERMARK } from "../../engine/frame.ts";
import type { CommitLine } from "../../telemetry/metrics.ts";
import type { PipelineView } from "../screen/view.ts";

/** Rates are means over so many milliseconds. */
const RATE_WINDOW_MS = 3000;

/** One pipeline's figures, all its partitions together, from its logs at the start and from its commits since. */
export class PipelineStats {
  readonly #name: string;
  readonly #positions = new Map<string, number>();
  readonly #watermarks = new Map<string, number>();
  readonly #recent: { at: number; events: number }[] = [];
  #late = 0;
  #deadLetters = 0;
  #duplicates = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Takes over what a task had done before this run. */
  restore(partition: string, status: LogStatus): void {
    this.#positions.set(partition, status.position);
    this.#watermarks.set(partition, status.watermark);
    for (const { late, deadLettered, duplicate } of status.ledger?.stages ?? []) {
      this.#late += late;
      this.#deadLetters += deadLettered;
      this.#duplicates += duplicate;
    }
  }

  commit(line: CommitLine, now: number): void {
    this.#positions.set(line.partition, line.position);
    this.#watermarks.set(line.partition, line.watermark);
    this.#recent.push({ at: now, events: line.events });
    this.#late += line.late;
    this.#deadLetters += line.deadLettered;
    this.#duplicates += line.duplicates;
  }

  /** `next` holds the sequence number that each partition of the hub will give next. */
  view(now: number, next: readonly number[]): PipelineView {
    while ((this.#recent[0]?.at ?? now) < now - RATE_WINDOW_MS) this.#recent.shift();
    const events = this.#recent.reduce((sum, commit) => sum + commit.events, 0);
    const watermarks = [...this.#watermarks.values()].filter((time) => time !== NO_WATERMARK && time !== END_OF_TIME);
    const lag = next.reduce((sum, end, partition) => sum + end - (this.#positions.get(String(partition)) ?? 0), 0);
    return {
      name: this.#name,
      eventsPerSecond: (events * 1000) / RATE_WINDOW_MS,
      watermark: watermarks.length === 0 ? undefined : Math.min(...watermarks),
      lag: Math.max(0, lag),
      late: this.#late,
      deadLetters: this.#deadLetters,
      duplicates: this.#duplicates,
    };
  }
}
