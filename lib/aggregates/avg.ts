import { type Aggregate, aggregate, numeric, type Reading } from "./aggregate.ts";

/** The arithmetic mean of a number over all events that have it; null when none has. */
export function avg<T>(reading: Reading<T>): Aggregate<T, number | null> {
  return aggregate<T, number, [sum: number, count: number], number | null>({
    kind: "avg",
    initial: () => [0, 0],
    input: (value) => numeric("avg", reading(value)),
    add: (accumulator, number) => {
      accumulator[0] += number;
      accumulator[1] += 1;
      return accumulator;
    },
    result: ([sum, count]) => (count === 0 ? null : sum / count),
  });
}
