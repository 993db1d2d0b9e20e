import { type Aggregate, aggregate } from "./aggregate.ts";

/**
 * Counts events, or those that a predicate accepts.
 * @example
 * windowed.aggregate("stats", { flights: count(), late: count((flight) => flight.delay > 15) });
 */
export function count<T>(predicate?: (value: T) => boolean): Aggregate<T, number> {
  return aggregate<T, true, number, number>({
    kind: "count",
    initial: () => 0,
    input: predicate ? (value) => (predicate(value) ? true : undefined) : () => true,
    add: (total) => total + 1,
    result: (total) => total,
  });
}
