import { type Aggregate, aggregate } from "./aggregate.ts";

/** What a reading gave for the first event that had it, in the partition's order; null when none had. */
export function first<T, Value>(reading: (value: T) => Value): Aggregate<T, NonNullable<Value> | null> {
  return pick("first", reading, (kept, value) => kept ?? value);
}

/** What a reading gave for the last event that had it, in the partition's order; null when none had. */
export function last<T, Value>(reading: (value: T) => Value): Aggregate<T, NonNullable<Value> | null> {
  return pick("last", reading, (_, value) => value);
}

function pick<T, Value>(
  kind: string,
  reading: (value: T) => Value,
  choose: (kept: NonNullable<Value> | null, value: NonNullable<Value>) => NonNullable<Value>,
) {
  return aggregate<T, NonNullable<Value>, NonNullable<Value> | null, NonNullable<Value> | null>({
    kind,
    initial: () => null,
    input: (value) => reading(value) ?? undefined,
    add: choose,
    result: (kept) => kept,
  });
}
