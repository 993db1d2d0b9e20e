import { setTimeout as sleep } from "node:timers/promises";

export interface DeadlineOptions {
  /** Milliseconds after which it is over, if it does not get on. */
  readonly after: number;
  /** It gets on when more is processed within so many milliseconds: the machine may have other things to do. */
  readonly within: number;
  /** Milliseconds after which it is over in any case. */
  readonly atMost: number;
  /** How much has been done; it grows. */
  readonly processed: () => number;
  readonly signal: AbortSignal;
}

/** Resolves to the milliseconds that passed, when a run has had its time; rejects when the signal is aborted. */
export async function timeIsUp({ after, within, atMost, processed, signal }: DeadlineOptions): Promise<number> {
  const began = performance.now();
  const passed = (): number => performance.now() - began;
  await sleep(after, undefined, { signal });
  for (let before = -1; processed() > before && passed() < atMost; ) {
    before = processed();
    await sleep(Math.min(within, atMost - passed()), undefined, { signal });
  }
  return passed();
}
