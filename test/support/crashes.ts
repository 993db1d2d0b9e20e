import type { TestDriver } from "../../lib/testing/index.ts";

class Crash extends Error {}

/** Ends the process, as far as a test driver's task can tell. */
export function crashed(): never {
  throw new Crash();
}

/** Calls `onSleep` whenever the task sleeps; what that throws ends the sleep. */
export function watchSleep(driver: TestDriver, onSleep: (milliseconds: number, signal?: AbortSignal) => unknown): void {
  const sleep = driver.world.sleep.bind(driver.world);
  driver.world.sleep = async (milliseconds, signal) => {
    await onSleep(milliseconds, signal);
    await sleep(milliseconds, signal);
  };
}

/** Gives the task its batch again after every crash, as a host does; what waits for its commit gets it if `flush` says so. */
export async function runThroughCrashes(driver: TestDriver, flush = false): Promise<void> {
  for (let crashes = 0; crashes < 100; crashes++) {
    try {
      driver.rewind(0);
      await driver.run();
      if (flush) await driver.task.flush(new AbortController().signal);
      return;
    } catch (thrown) {
      if (!(thrown instanceof Crash)) throw thrown;
      driver.restart();
    }
  }
  throw new Error("the batch was never done");
}
