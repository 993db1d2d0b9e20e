import { finite, order, typeRank, type Value } from "./values.ts";

/** What an aggregate has gathered over the rows of one group. */
export interface Accumulator {
  add(value: Value): void;
  result(): Value;
}

/** The aggregate functions by their upper-case name; each starts afresh for a group. Undefined inputs don't count. */
export const aggregates: Readonly<Record<string, () => Accumulator>> = {
  COUNT: () => {
    let count = 0;
    return { add: (value) => void (value !== undefined && count++), result: () => count };
  },
  SUM: () => {
    const sum = summing();
    return { add: sum.add, result: () => (sum.onlyNumbers() ? finite(sum.total()) : undefined) };
  },
  AVG: () => {
    const sum = summing();
    return { add: sum.add, result: () => (sum.onlyNumbers() ? finite(sum.total() / sum.count()) : undefined) };
  },
  MIN: () => extreme((order) => order < 0),
  MAX: () => extreme((order) => order > 0),
};

function summing() {
  let total = 0;
  let count = 0;
  let onlyNumbers = true;
  return {
    add: (value: Value) => {
      if (value === undefined) return;
      if (typeof value === "number") total += value;
      else onlyNumbers = false;
      count++;
    },
    total: () => total,
    count: () => count,
    onlyNumbers: () => onlyNumbers,
  };
}

// Arrays and objects have no order that MIN or MAX could use: the result is undefined then.
function extreme(better: (order: number) => boolean): Accumulator {
  let best: Value;
  let comparable = true;
  return {
    add: (value) => {
      if (value === undefined) return;
      if (typeRank(value) > 4) comparable = false;
      else if (best === undefined || better(order(value, best))) best = value;
    },
    result: () => (comparable ? best : undefined),
  };
}
