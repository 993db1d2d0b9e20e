import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { World } from "../engine/ports.ts";

const NONCE_BYTES = 16;
const NONCES_AT_ONCE = 64;
let drawn: Uint8Array = new Uint8Array(0);

/** Drawn in advance: a draw of its own for each frame would cost more than the frame's checksum. */
function nonce(): Uint8Array {
  if (drawn.length === 0) drawn = randomBytes(NONCE_BYTES * NONCES_AT_ONCE);
  const next = drawn.subarray(0, NONCE_BYTES);
  drawn = drawn.subarray(NONCE_BYTES);
  return next;
}

/** The machine's own clock and chance. */
export const realWorld: World = {
  now: Date.now,
  random: Math.random,
  nonce,
  sleep: async (milliseconds, signal) => {
    try {
      await delay(milliseconds, undefined, signal ? { signal } : {});
    } catch (thrown) {
      throw signal?.aborted ? signal.reason : thrown;
    }
  },
};
