import { tooManyRequests } from "./refusal.ts";

// The documented anchors: reading 1 KB costs 1 RU and 100 KB about 10; writing 1 KB about 5.5 and 100 KB about 50.
const kilobytes = (length: number) => Math.max(1, length / 1024);
const rounded = (units: number) => Math.round(units * 100) / 100;

/** Request units for reading a document of this many characters. */
export const readCharge = (length: number) => rounded(1 + 0.091 * (kilobytes(length) - 1));
/** Request units for creating or deleting a document of this many characters. */
export const writeCharge = (length: number) => rounded(5.52 + 0.45 * (kilobytes(length) - 1));
/** Request units for overwriting a document: the old index entries go, the new ones come. */
export const replaceCharge = (length: number) => rounded(10.29 + 0.9 * (kilobytes(length) - 1));
/** Request units for a query that read `documents` and returned `length` characters. */
export const queryCharge = (documents: number, length: number) =>
  rounded(2.3 + 0.03 * documents + 0.091 * (length / 1024));

/**
 * A container's provisioned throughput: a budget of request units refilled continuously up to one second's worth.
 * As in the service a request is admitted while anything is left and may overdraw; the next one waits.
 */
export class Throughput {
  readonly unitsPerSecond: number;
  #left: number;
  #refilledAt: number;

  constructor(unitsPerSecond: number, now: number) {
    this.unitsPerSecond = unitsPerSecond;
    this.#left = unitsPerSecond;
    this.#refilledAt = now;
  }

  /** Throws 429 with the milliseconds to wait when the budget is used up. */
  admit(now: number): void {
    this.#refill(now);
    if (this.#left > 0) return;
    throw tooManyRequests(Math.max(1, Math.ceil(((1 - this.#left) / this.unitsPerSecond) * 1000)));
  }

  consume(units: number): void {
    this.#left -= units;
  }

  #refill(now: number): void {
    const earned = ((now - this.#refilledAt) / 1000) * this.unitsPerSecond;
    if (earned <= 0) return;
    this.#left = Math.min(this.unitsPerSecond, this.#left + earned);
    this.#refilledAt = now;
  }
}
