import { type Aggregate, aggregate, numeric, type Reading } from "./aggregate.ts";

/** The smallest number of all events; null when none has one. */
export function min<T>(reading: Reading<T>): Aggregate<T, number | null> {
  return extreme("min", reading, (number, least) => number < least);
}

/** The greatest number of all events; null when none has one. */
export function max<T>(reading: Reading<T>): Aggregate<T, number | null> {
  return extreme("max", reading, (number, greatest) => number > greatest);
}

function extreme<T>(kind: string, reading: Reading<T>, beats: (number: number, best: number) => boolean) {
  return aggregate<T, number, number | null, number | null>({
    kind,
    initial: () => null,
    input: (value) => numeric(kind, reading(value)),
    add: (best, number) => (best === null || beats(number, best) ? number : best),
    result: (best) => best,
  });
}
