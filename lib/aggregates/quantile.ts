import { TidemarkError } from "../errors.ts";
import { type Aggregate, aggregate, numeric, type Reading } from "./aggregate.ts";

/**
 * The exact quantile by nearest rank: of n values in order, the one at place ⌈q·n⌉; null when there are none. Keeps how
 * often each distinct value came, so its state grows with the distinct values of a window. Throws PLAN_INVALID when q is
 * not within (0, 1].
 * @example
 * windowed.aggregate("stats", { p95Delay: quantile(0.95, (flight) => flight.delay) });
 */
export function quantile<T>(q: number, reading: Reading<T>): Aggregate<T, number | null> {
  if (!(q > 0 && q <= 1)) {
    throw new TidemarkError("PLAN_INVALID", `quantile() was asked for ${q}.`, { fix: "Give a number in (0, 1]." });
  }
  return aggregate<T, number, Map<number, number>, number | null>({
    kind: "quantile",
    initial: () => new Map(),
    input: (value) => numeric("quantile", reading(value)),
    add: (counts, number) => counts.set(number, (counts.get(number) ?? 0) + 1),
    result: (counts) => nearestRank(q, counts),
  });
}

function nearestRank(q: number, counts: ReadonlyMap<number, number>): number | null {
  let total = 0;
  for (const times of counts.values()) total += times;
  // q·n is rounded first: 0.95 · 20 must be 19 and not 19.000000000000004.
  let rank = Math.ceil(Number((q * total).toPrecision(12)));
  for (const [value, times] of [...counts].sort(([a], [b]) => a - b)) {
    rank -= times;
    if (rank <= 0) return value;
  }
  return null;
}
