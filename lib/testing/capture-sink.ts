import { ALL_DELIVERED, type Sink } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";

/** What one sink received, each frame once and in order. */
export interface Captured<T> {
  readonly sink: Sink<T>;
  readonly values: T[];
}

/**
 * A sink of the same name that keeps values instead of writing them, as idempotent as a real one. `away` says whether
 * its service cannot be reached.
 */
export function captureSink<T>(
  name: string,
  target: Sink<T>["target"],
  away: () => boolean = () => false,
  values: T[] = [],
): Captured<T> {
  const delivered = new Set<string>();
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
        if (!delivered.has(frame)) values.push(...(messages as T[]));
        delivered.add(frame);
        return ALL_DELIVERED;
      },
      close: async () => undefined,
    }),
  };
  return { sink, values };
}
