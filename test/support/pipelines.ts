import { z } from "zod";
import type { Sink } from "../../lib/engine/sink.ts";
import { stream } from "../../lib/stream/stream.ts";

/** A small event for tests: an id, a key, a time in milliseconds and a number. */
export const Reading = z.object({
  id: z.string(),
  sensor: z.string(),
  at: z.number(),
  value: z.number(),
});

export type Reading = z.infer<typeof Reading>;

/** A stream of readings whose watermark follows the greatest time at once. */
export function readings(outOfOrder: number = 0) {
  return stream("readings", Reading).eventTime((reading) => reading.at, { outOfOrder });
}

/** A sink that a test driver replaces by one that keeps values. */
export function anySink<T>(name = "out"): Sink<T> {
  return {
    kind: "memory",
    name,
    target: { kind: "memory", name },
    open: () => Promise.reject(new Error("only a test driver runs this sink")),
  };
}

let next = 0;

export function reading(at: number, value = 1, sensor = "a", id = `r${next++}`): Reading {
  return { id, sensor, at, value };
}
