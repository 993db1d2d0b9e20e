import { type Aggregate, aggregate, numeric, type Reading } from "./aggregate.ts";

/** Adds up a number of every event; 0 when none has it. */
export function sum<T>(reading: Reading<T>): Aggregate<T, number> {
  return aggregate<T, number, number, number>({
    kind: "sum",
    initial: () => 0,
    input: (value) => numeric("sum", reading(value)),
    add: (total, number) => total + number,
    result: (total) => total,
  });
}
