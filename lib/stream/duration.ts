import { TidemarkError } from "../errors.ts";

/** A length of time: milliseconds, or a number with a unit such as "500ms", "30s", "5m", "2h", "1d". */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const FORM = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Milliseconds of a duration; throws PLAN_INVALID, naming `what`, when it is not a whole number of them ≥ 0. */
export function milliseconds(duration: Duration, what: string): number {
  const parts = typeof duration === "string" ? FORM.exec(duration) : null;
  const value = parts ? Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS] : Number(duration);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new TidemarkError("PLAN_INVALID", `${what} is ${JSON.stringify(duration)}, which is not a length of time.`, {
      fix: 'Write milliseconds or a number with a unit: "500ms", "30s", "5m", "2h", "1d".',
    });
  }
  return value;
}

/** The shortest text for a length of time in milliseconds, such as "90m" or "2h". */
export function formatDuration(value: number): string {
  for (const unit of ["d", "h", "m", "s"] as const) {
    if (value !== 0 && value % UNITS[unit] === 0) return `${value / UNITS[unit]}${unit}`;
  }
  return `${value}ms`;
}
