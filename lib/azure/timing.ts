/** How patient the runtime is, in milliseconds. */
export interface Timing {
  /** Between two looks at the log of a task that somebody else may own: a busy owner commits in that time. */
  readonly patience: number;
  /** Of quiet before an owner confirms its last delivery, so that nobody else finds something to do. */
  readonly restAfter: number;
  /** By which a message comes after its time: the owner itself, while it lives, is that much quicker. */
  readonly headStart: number;
  /** How long one sweep or one wake-up may work; the next goes on where it stopped. */
  readonly shift: number;
}

export const TIMING: Timing = { patience: 10_000, restAfter: 5_000, headStart: 5_000, shift: 240_000 };
