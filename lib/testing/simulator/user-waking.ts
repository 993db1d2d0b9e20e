import { mulberry32 } from "../virtual-world.ts";
import type { SimApp, Waking } from "./config.ts";
import { type FaultKind, QUEUE_KINDS, USUAL_KINDS } from "./faults.ts";

const MINUTE = 60_000;
/** So many sweeps at most until the last window has closed. */
const SWEEPS = 60;

/**
 * Not here: a clock that is wrong moves event time, and what comes by then may be late; and a process that has found
 * nothing to do looks at a log again after an hour, so a run may be over before it sees that it was reset.
 */
const NEVER: ReadonlySet<FaultKind> = new Set(["clock", "reset", "retention-loss"] as FaultKind[]);

/** What may go wrong in a run of a user's pipeline whose event time moves in silence. */
export const KINDS_IN_SILENCE: readonly FaultKind[] = [...USUAL_KINDS, ...QUEUE_KINDS].filter(
  (kind) => !NEVER.has(kind),
);

/** Without faults, owners and messages have to do. */
export const MESSAGES_ONLY: Waking = { sweepEvery: undefined, until: 0, scaleInAt: undefined };

/** How a seed wakes tasks of which the last window closed so many seconds after the start without faults. */
export function drawWaking(seed: number, { events }: SimApp, seconds: number): Waking {
  const random = mulberry32(seed ^ 0x3a4e);
  const until = seconds * 1_000 + 10 * MINUTE;
  const scaleIn = random() < 0.6;
  const lastAt = events.at(-1)?.at ?? 0;
  return {
    sweepEvery: Math.max(5 * MINUTE, Math.ceil(until / SWEEPS)),
    until,
    scaleInAt: scaleIn ? lastAt + Math.floor(random() * MINUTE) : undefined,
  };
}
