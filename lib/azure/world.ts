import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "../engine/ports.ts";

/** The machine's own clock and chance. */
export const realWorld: World = {
  now: Date.now,
  random: Math.random,
  nonce: () => randomBytes(16),
  sleep: async (milliseconds, signal) => {
    try {
      await delay(milliseconds, undefined, signal ? { signal } : {});
    } catch (thrown) {
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};
