import type { Sink } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";

/** What one sink received, each frame once and in order. */
export interface Captured<T> {
  readonly sink: Sink<T>;
  readonly values: T[];
  /** The frames that came already. */
  readonly delivered: Set<string>;
}

/**
 * A sink of the same name that keeps values instead of writing them, as idempotent as a real one. `away` says whether
 * its service cannot be reached, `refuse` why it will never take a value; `before` is what it had received as part of
 * another version of the pipeline.
 */
export function captureSink<T>(
  name: string,
  target: Sink<T>["target"],
  away: () => boolean = () => false,
  before?: Captured<T>,
  refuse: (value: T) => string | undefined = () => undefined,
): Captured<T> {
  const { values = [], delivered = new Set<string>() } = before ?? {};
  const sink: Sink<T> = {
    kind: "memory",
    name,
    target,
    open: async () => ({
      prepare: (value) => structuredClone(value),
      accept: (prepared) => prepared,
      deliver: async (messages, { partition, generation, sequence }) => {
        if (away()) throw new TidemarkError("UNAVAILABLE", `Sink "${name}" is away.`, { retryable: true });
        const frame = `${partition}/${generation}/${sequence}`;
        const all = messages as readonly T[];
        const refused = all.flatMap((message) => {
          const reason = refuse(message);
          return reason === undefined ? [] : [{ message, reason }];
        });
        const taken = refused.length === 0 ? all : all.filter((message) => refuse(message) === undefined);
        if (!delivered.has(frame)) for (const value of taken) values.push(value);
        delivered.add(frame);
        return { refused };
      },
      close: async () => undefined,
    }),
  };
  return { sink, values, delivered };
}
