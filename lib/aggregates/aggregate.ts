import { TidemarkError } from "../errors.ts";

/**
 * One column of a windowed result. `input` runs user code and may throw, before anything has changed; `add` only does
 * arithmetic and must not throw. Accumulators are plain data, so that they can be stored as they are.
 */
export interface Aggregate<T, Result> {
  readonly kind: string;
  /** What the stored accumulator depends on beside the kind. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  initial(): unknown;
  /** What an event contributes; undefined when it contributes nothing. */
  input(value: T): unknown;
  add(accumulator: unknown, input: unknown): unknown;
  result(accumulator: unknown): Result;
}

/** Builds an aggregate whose types are checked inside and plain outside. */
export function aggregate<T, Input, Accumulator, Result>(definition: {
  readonly kind: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly initial: () => Accumulator;
  readonly input: (value: T) => Input | undefined;
  readonly add: (accumulator: Accumulator, input: Input) => Accumulator;
  readonly result: (accumulator: Accumulator) => Result;
}): Aggregate<T, Result> {
  return definition as unknown as Aggregate<T, Result>;
}

/** A number to aggregate: null, undefined and NaN count as absent; anything else that is no number throws. */
export function numeric(kind: string, value: unknown): number | undefined {
  if (typeof value === "number") return Number.isNaN(value) ? undefined : value;
  if (value === null || value === undefined) return undefined;
  throw new TidemarkError("STAGE_FAILED", `${kind}() was given ${JSON.stringify(value)}, which is not a number.`);
}

export type Reading<T> = (value: T) => number | null | undefined;
