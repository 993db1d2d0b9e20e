import * as z from "zod";
import type { CheckpointLimits } from "../checkpoint/limits.ts";
import { TidemarkError } from "../errors.ts";

/** How much a task may put into one commit, and how far its commits may run ahead of their delivery. */
export interface HandleLimits {
  /** Bytes of one frame as stored: what a batch changes and sends. From 1,024 to 1 GiB; default 256 MiB. */
  readonly frameBytes?: number;
  /** Frames whose results are not delivered yet. From 1 to 1,000,000; default 10,000. */
  readonly pendingFrames?: number;
}

const LIMITS = z.strictObject({
  frameBytes: z.int().min(1_024).max(1_073_741_824).optional(),
  pendingFrames: z.int().min(1).max(1_000_000).optional(),
});

/** Checks limits; throws one PLAN_INVALID that lists every problem. */
export function checkedLimits(limits: HandleLimits, place: string): Partial<CheckpointLimits> {
  const checked = LIMITS.safeParse(limits);
  if (!checked.success) {
    const problems = checked.error.issues.map(({ path, message }) => `- ${["limits", ...path].join(".")}: ${message}`);
    throw new TidemarkError("PLAN_INVALID", [`The limits of ${place} cannot be:`, ...problems, ""].join("\n"), {
      fix: "Give whole numbers within the bounds, or leave them out: frameBytes from 1024 to 1073741824, pendingFrames from 1 to 1000000.",
    });
  }
  const { frameBytes, pendingFrames } = checked.data;
  return {
    ...(frameBytes === undefined ? {} : { frameBytes }),
    ...(pendingFrames === undefined ? {} : { pendingFrames }),
  };
}
