import { messageOf, TidemarkError } from "../errors.ts";
import type { Log } from "./slot.ts";
import type { Attended, Outcome } from "./waker.ts";

/** A task that a sweep looks after. */
export interface SweptTask {
  readonly name: string;
  attend(): Promise<Attended>;
}

/** How many tasks are looked after at the same time. */
const AT_ONCE = 4;

/**
 * Looks after tasks, a few at a time, until the signal says that the time is over. Says in one line what it had to do;
 * throws UNAVAILABLE with all that failed.
 */
export async function sweepTasks(tasks: readonly SweptTask[], log: Log, signal: AbortSignal): Promise<void> {
  const counts: Record<Outcome, number> = { quiet: 0, busy: 0, woken: 0 };
  const failures: string[] = [];
  const waiting = [...tasks];
  const worker = async () => {
    for (let task = waiting.shift(); task !== undefined && !signal.aborted; task = waiting.shift()) {
      try {
        const { outcome } = await task.attend();
        counts[outcome]++;
      } catch (thrown) {
        // A task that is cut short goes on with the next sweep.
        if (!signal.aborted) failures.push(`${task.name}: ${messageOf(thrown)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  const { quiet, busy, woken } = counts;
  log.debug(`Swept ${tasks.length} tasks: ${woken} woken, ${busy} at work, ${quiet} quiet, ${failures.length} failed.`);
  if (failures.length === 0) return;
  throw new TidemarkError("UNAVAILABLE", `A sweep could not look after every task.\n${failures.join("\n")}\n`, {
    fix: "The next sweep tries them again.",
    retryable: true,
  });
}
