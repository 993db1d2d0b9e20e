import type { FrameStamp } from "../engine/frame.ts";
import { ALL_DELIVERED, type Sink, type SinkTask } from "../engine/sink.ts";
import { unavailable } from "../sinks/backoff.ts";

export interface MemorySink<T> extends Sink<T> {
  /** What was delivered so far, frame by frame in the order of first delivery; a frame delivered twice is there once. */
  readonly values: readonly T[];
  /** What one partition's task delivered. */
  valuesOf(partition: string): readonly T[];
  clear(): void;
}

/** A sink that collects values in memory, for tests of pipelines. */
export function memorySink<T>(name = "memory"): MemorySink<T> {
  const frames = new Map<string, { readonly partition: string; readonly values: readonly T[] }>();
  return {
    kind: "memory",
    name,
    target: { kind: "memory", name },
    open: async () => new MemorySinkTask<T>(frames),
    get values() {
      return [...frames.values()].flatMap((frame) => frame.values);
    },
    valuesOf: (partition) =>
      [...frames.values()].filter((frame) => frame.partition === partition).flatMap((frame) => frame.values),
    clear: () => frames.clear(),
  };
}

type Frames<T> = Map<string, { readonly partition: string; readonly values: readonly T[] }>;

class MemorySinkTask<T> implements SinkTask<T> {
  readonly #frames: Frames<T>;

  constructor(frames: Frames<T>) {
    this.#frames = frames;
  }

  prepare(value: T): T {
    return value;
  }

  accept(prepared: unknown): unknown {
    return prepared;
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal) {
    if (signal.aborted) throw unavailable("The memory sink", signal.reason);
    const { pipeline, partition, generation, sequence } = stamp;
    this.#frames.set(`${pipeline}/${partition}/${generation}/${sequence}`, {
      partition,
      values: messages as readonly T[],
    });
    return ALL_DELIVERED;
  }

  async close(): Promise<void> {}
}
