import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 20;

/** Waits until something holds; rejects when the signal is aborted. */
export async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (!condition()) await sleep(LOOK_MS, undefined, { signal });
}

/** While a pause is being aimed, or has just ended, the other lanes let nothing happen: it would miss. */
export class Truce {
  #held = 0;

  get over(): boolean {
    return this.#held === 0;
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    this.#held++;
    try {
      return await work();
    } finally {
      this.#held--;
    }
  }
}
