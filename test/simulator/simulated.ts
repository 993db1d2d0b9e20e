import { Faults } from "../../lib/testing/simulator/faults.ts";
import { Life } from "../../lib/testing/simulator/life.ts";
import { Scheduler } from "../../lib/testing/simulator/scheduler.ts";

/** A simulated process without faults, for calls to simulated services outside a run. */
export function quietProcess(now: number = Date.UTC(2026, 0, 1)) {
  const scheduler = new Scheduler(now, 1);
  const faults = new Faults(scheduler, []);
  const life = new Life(0, 1, { scheduler, faults, gate: () => undefined });
  /** Runs something that awaits nothing but simulated services. */
  const run = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = work();
    result.catch(() => undefined);
    await scheduler.run(Number.POSITIVE_INFINITY);
    return result;
  };
  return { scheduler, faults, life, run };
}
