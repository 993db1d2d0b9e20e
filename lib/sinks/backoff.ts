import type { World } from "../engine/ports.ts";
import { messageOf, TidemarkError } from "../errors.ts";

const FIRST_MS = 20;
const LONGEST_MS = 5_000;

/**
 * Waits before attempt `attempt` + 1 (0 for the first failure): the server's own delay when it gave one, otherwise
 * twice as long each time up to five seconds; with jitter, so that tasks do not return all at once.
 */
export function backOff(world: World, attempt: number, delay: number | undefined, signal: AbortSignal): Promise<void> {
  const step = delay ?? Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  const jitter = world.random() * (delay === undefined ? step / 2 : FIRST_MS);
  return world.sleep(delay === undefined ? step / 2 + jitter : step + jitter, signal);
}

/** The error of a sink that gave up for now: the frame stays pending and is delivered again later. */
export function unavailable(service: string, cause: unknown): TidemarkError {
  const because = cause === undefined ? "" : `: ${messageOf(cause).split("\n", 1)[0]}`;
  return new TidemarkError("UNAVAILABLE", `${service} did not take everything in the time given${because}.`, {
    retryable: true,
    cause,
  });
}
