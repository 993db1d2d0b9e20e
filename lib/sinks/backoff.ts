import type { World } from "../engine/ports.ts";
import { messageOf, TidemarkError } from "../errors.ts";

const FIRST_MS = 20;
const LONGEST_MS = 5_000;

/** How long a sink tries without any progress before it says what is wrong; whoever called it tries again. */
const PATIENCE_MS = 30_000;

/**
 * Waits before attempt `attempt` + 1 (0 for the first failure): the server's own delay when it gave one, otherwise
 * twice as long each time up to five seconds; with jitter, so that tasks do not return all at once. Rejects when the
 * signal is aborted, or when there has been no progress for half a minute `since` then: an outage must be seen.
 */
export async function backOff(
  world: World,
  attempt: number,
  delay: number | undefined,
  signal: AbortSignal,
  since?: number,
): Promise<void> {
  if (since !== undefined && world.now() - since >= PATIENCE_MS) throw new OutOfPatience();
  const step = delay ?? Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  const jitter = world.random() * (delay === undefined ? step / 2 : FIRST_MS);
  await world.sleep(delay === undefined ? step / 2 + jitter : step + jitter, signal);
}

/** Why a sink stops trying for now. */
export class OutOfPatience extends Error {}

/** The error of a sink that gave up for now: the frame stays pending and is delivered again later. */
export function unavailable(service: string, cause: unknown): TidemarkError {
  const because = cause === undefined ? "" : `: ${messageOf(cause).split("\n", 1)[0]}`;
  return new TidemarkError("UNAVAILABLE", `${service} did not take everything in the time given${because}.`, {
    retryable: true,
    cause,
    fix: adviceFor(cause),
  });
}

/** What to do about a service that refuses the app; undefined when there is nothing but to wait. */
export function adviceFor(cause: unknown): string | undefined {
  return isRefusal(cause) ? REFUSED : undefined;
}

const REFUSED =
  "It refuses the app: check the key of the connection string, or the roles of the app's identity. What waits is delivered as soon as that is right.";

/** Whether a service refused who asked: a key that was changed, a token that expired, a role that is missing. */
function isRefusal(cause: unknown): boolean {
  const { code, statusCode } = (cause ?? {}) as { readonly code?: unknown; readonly statusCode?: unknown };
  return [code, statusCode].some((one) => one === 401 || one === 403 || /^Unauthor/.test(String(one)));
}
