import type { HubEvent } from "../engine/ports.ts";

/** Before anything is known: few enough to fit into memory at the largest size that a hub takes. */
const FIRST_EVENTS = 64;
/** Of bodies in one chunk. */
const CHUNK_BYTES = 4 * 1024 * 1024;
const MOST_GROWTH = 8;

/**
 * How many events a receiver gives at a time. The SDK counts events and not bytes, and events may have a hundred bytes
 * or a million: the size follows what has come, and a receiver keeps the size with which it was opened.
 */
export class ChunkSize {
  readonly #most: number;
  #events: number;

  constructor(most: number) {
    this.#most = most;
    this.#events = Math.min(FIRST_EVENTS, most);
  }

  get events(): number {
    return this.#events;
  }

  /** Learns from a chunk; true when the size has become another one, and a receiver with it is worth opening. */
  learn(chunk: readonly HubEvent[]): boolean {
    const bytes = chunk.reduce((sum, { body }) => sum + body.length, 0);
    const fitting = Math.floor((CHUNK_BYTES * chunk.length) / Math.max(1, bytes));
    const wanted = Math.max(1, Math.min(fitting, this.#most));
    const tooLarge = wanted * 2 <= this.#events;
    // Of a few events nothing follows for many.
    const tooSmall = wanted >= this.#events * 2 && chunk.length * 2 > this.#events;
    if (!tooLarge && !tooSmall) return false;
    this.#events = Math.min(wanted, this.#events * MOST_GROWTH);
    return true;
  }
}
