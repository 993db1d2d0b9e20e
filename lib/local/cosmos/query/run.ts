import { canonicalText } from "../json.ts";
import { badRequest } from "../refusal.ts";
import type { Accumulator } from "./aggregates.ts";
import type { CompiledQuery, Evaluate, Frame } from "./compile.ts";
import { order, type Value } from "./values.ts";

interface Group {
  readonly slots: Value[];
  readonly accumulators: readonly Accumulator[];
}

interface Kept<Result> {
  readonly keys: readonly Value[];
  readonly result: Result;
}

/**
 * Runs a query over rows and returns at most `most` results. `rows` is stepped once per input row, and each step must
 * leave the row in the frame's slots; `output` makes a result of the current row, or undefined for none.
 */
export function runRows<Result>(
  query: CompiledQuery,
  frame: Frame,
  rows: Iterable<unknown>,
  output: (frame: Frame) => Result | undefined,
  most: number,
): Result[] {
  const { skip, take } = window(query, frame, most);
  if (take === 0) return [];
  const kept =
    query.grouping === undefined ? plain(query, frame, rows, output, skip + take) : grouped(query, frame, rows, output);
  if (query.orderBy.length > 0) kept.sort(byKeys(query));
  return kept.slice(skip, skip + take).map(({ result }) => result);
}

/** How many results a query skips and takes, from its TOP, OFFSET and LIMIT. Throws 400 unless they are counts. */
export function window(
  query: CompiledQuery,
  frame: Frame,
  most: number,
): { readonly skip: number; readonly take: number } {
  const skip = query.offset === undefined ? 0 : count(query.offset, frame, "OFFSET");
  const limit = query.limit === undefined ? most : count(query.limit, frame, "LIMIT");
  const top = query.top === undefined ? most : count(query.top, frame, "TOP");
  return { skip, take: Math.min(most, limit, top) };
}

/** Calls `visit` for every combination of the sources that WHERE lets through, until it returns false. */
export function eachRow(query: CompiledQuery, frame: Frame, visit: () => boolean, from = 0): boolean {
  const source = query.sources[from];
  if (source === undefined) return query.where !== undefined && query.where(frame) !== true ? true : visit();
  const value = source.input(frame);
  if (!source.each) {
    if (value === undefined) return true;
    frame.slots[source.slot] = value;
    return eachRow(query, frame, visit, from + 1);
  }
  if (!Array.isArray(value)) return true;
  for (const item of value) {
    frame.slots[source.slot] = item;
    if (!eachRow(query, frame, visit, from + 1)) return false;
  }
  return true;
}

function plain<Result>(
  query: CompiledQuery,
  frame: Frame,
  rows: Iterable<unknown>,
  output: (frame: Frame) => Result | undefined,
  enough: number,
): Kept<Result>[] {
  const kept: Kept<Result>[] = [];
  const seen = query.distinct ? new Set<string>() : undefined;
  const stopEarly = query.orderBy.length === 0;
  const visit = () => {
    if (seen !== undefined && !isNew(seen, query.project(frame))) return true;
    const result = output(frame);
    if (result !== undefined) kept.push({ keys: query.orderBy.map(({ by }) => by(frame)), result });
    return !stopEarly || kept.length < enough;
  };
  for (const _ of rows) if (!eachRow(query, frame, visit)) break;
  return kept;
}

function grouped<Result>(
  query: CompiledQuery,
  frame: Frame,
  rows: Iterable<unknown>,
  output: (frame: Frame) => Result | undefined,
): Kept<Result>[] {
  const { keys = [], aggregates = [] } = query.grouping ?? {};
  const groups = new Map<string, Group>();
  const start = (): Group => ({ slots: frame.slots.slice(), accumulators: aggregates.map((each) => each.start()) });
  const visit = () => {
    const text = groupText(keys, frame);
    let group = groups.get(text);
    if (group === undefined) {
      group = start();
      groups.set(text, group);
    }
    for (let index = 0; index < aggregates.length; index++) {
      group.accumulators[index]?.add(aggregates[index]?.input(frame));
    }
    return true;
  };
  for (const _ of rows) eachRow(query, frame, visit);
  // Without GROUP BY there is exactly one group, even over no rows.
  if (keys.length === 0 && groups.size === 0) {
    frame.slots = [];
    groups.set("", start());
  }
  return outputGroups(query, frame, [...groups.values()], output);
}

function outputGroups<Result>(
  query: CompiledQuery,
  frame: Frame,
  groups: readonly Group[],
  output: (frame: Frame) => Result | undefined,
): Kept<Result>[] {
  const kept: Kept<Result>[] = [];
  const seen = query.distinct ? new Set<string>() : undefined;
  const outside = frame.slots;
  for (const { slots, accumulators } of groups) {
    frame.slots = slots;
    query.grouping?.aggregates.forEach(({ index }, position) => {
      frame.aggregates[index] = accumulators[position]?.result();
    });
    if (seen !== undefined && !isNew(seen, query.project(frame))) continue;
    const result = output(frame);
    if (result !== undefined) kept.push({ keys: query.orderBy.map(({ by }) => by(frame)), result });
  }
  frame.slots = outside;
  return kept;
}

function groupText(keys: readonly Evaluate[], frame: Frame): string {
  const [only] = keys;
  if (keys.length === 1 && only !== undefined) return canonicalText(only(frame));
  return keys.map((key) => canonicalText(key(frame))).join(",");
}

function isNew(seen: Set<string>, value: Value): boolean {
  const text = canonicalText(value);
  if (seen.has(text)) return false;
  seen.add(text);
  return true;
}

function byKeys(query: CompiledQuery) {
  const descending = query.orderBy.map((each) => each.descending);
  return (left: Kept<unknown>, right: Kept<unknown>) => {
    for (let index = 0; index < descending.length; index++) {
      const result = order(left.keys[index], right.keys[index]);
      if (result !== 0) return descending[index] ? -result : result;
    }
    return 0;
  };
}

function count(evaluate: Evaluate, frame: Frame, name: string): number {
  const value = evaluate(frame);
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
  throw badRequest(`${name} must be a non-negative integer, not ${JSON.stringify(value)}.`);
}
