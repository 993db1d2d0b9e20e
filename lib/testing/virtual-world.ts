import type { World } from "../engine/ports.ts";

/** Time and chance for tests: time moves only when somebody sleeps or says so; chance comes from a seed. */
export class VirtualWorld implements World {
  #now: number;
  #random: () => number;

  constructor(now: number, seed = 1) {
    this.#now = now;
    this.#random = mulberry32(seed);
  }

  now(): number {
    return this.#now;
  }

  /** Moves the clock, never back; milliseconds since the epoch. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time);
  }

  async sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#now += milliseconds;
  }

  nonce(): Uint8Array {
    return Uint8Array.from({ length: 16 }, () => Math.floor(this.#random() * 256));
  }

  random(): number {
    return this.#random();
  }
}

/** A small generator of numbers in [0, 1), the same sequence for the same seed. */
export function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
