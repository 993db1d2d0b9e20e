import { setTimeout as sleep } from "node:timers/promises";

export interface Repeated {
  /** Resolves once the work in hand is over. */
  stop(): Promise<void>;
}

/** Does some work again and again, with a pause in between; what fails is tried again the next time. */
export function every(milliseconds: number, work: () => Promise<unknown>): Repeated {
  const stopping = new AbortController();
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      await work().catch(() => {});
      await sleep(milliseconds, undefined, { signal: stopping.signal }).catch(() => {});
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await loop;
    },
  };
}
