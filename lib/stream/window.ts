import { TidemarkError } from "../errors.ts";
import { type Duration, milliseconds } from "./duration.ts";

/** Windows of one size that touch and do not overlap, aligned to the epoch in UTC. All times in milliseconds. */
export interface TumblingWindow {
  readonly kind: "tumbling";
  readonly size: number;
  /** How long after its end, in event time, a window still takes events. */
  readonly grace: number;
  /** How long after its grace, in event time, a closed window is kept for events that are brought back. */
  readonly keep: number;
  /** "updates": at its end, then again whenever a late event within the grace changes it; "final": once, after the grace. */
  readonly emit: "updates" | "final";
}

export interface TumblingOptions {
  /** Allowed lateness: how long after its end, in event time, a window still takes events; default 0. */
  readonly grace?: Duration;
  /**
   * How long after its grace, in event time, a closed window's state is kept, so that redriven events can update it;
   * default 0: not at all. Ordinary late events do not. State and recovery grow with the windows kept.
   */
  readonly keep?: Duration;
  readonly emit?: "updates" | "final";
}

/**
 * Windows of one size that touch and do not overlap; throws PLAN_INVALID when the size is not positive.
 * @example
 * const hourly = tumbling("1h", { grace: "6h" });
 */
export function tumbling(size: Duration, options: TumblingOptions = {}): TumblingWindow {
  const length = milliseconds(size, "The size of a tumbling window");
  if (length === 0) throw new TidemarkError("PLAN_INVALID", "A tumbling window needs a size above zero.");
  const grace = milliseconds(options.grace ?? 0, "The grace of a tumbling window");
  const keep = milliseconds(options.keep ?? 0, "The keep of a tumbling window");
  return { kind: "tumbling", size: length, grace, keep, emit: options.emit ?? "updates" };
}
