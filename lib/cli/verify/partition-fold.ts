import { type JudgedFlight, judgeFlight } from "./judge-flight.ts";

const HOUR_MS = 3_600_000;
/** The bounds that functions/delays.ts and functions/legs.ts state. */
const OUT_OF_ORDER_MS = 2 * HOUR_MS;
const DEDUPE_WITHIN_MS = 12 * HOUR_MS;
const FIRST_PRUNE = 100_000;

/** One message of a partition, as `@azure/event-hubs` hands it out. */
export interface StoredMessage {
  readonly sequenceNumber: number;
  readonly properties: Readonly<Record<string, unknown>> | undefined;
  readonly body: Uint8Array;
}

/** What became of a message. `watermark` is that of the partition before the message. */
export type Judgement =
  | { readonly kind: "marker" }
  | { readonly kind: "malformed" }
  | { readonly kind: "duplicate" }
  | { readonly kind: "late" }
  | { readonly kind: "flight"; readonly flight: JudgedFlight; readonly watermark: number };

/** Goes through one partition of `flights` in order: what is no flight, a duplicate, or too late to tell. */
export class PartitionFold {
  #watermark = Number.NEGATIVE_INFINITY;
  readonly #accepted = new Map<string, number[]>();
  #pruneAt = FIRST_PRUNE;

  judge(message: StoredMessage): Judgement {
    const marker = message.properties?.["tidemark-watermark"];
    if (marker !== undefined) {
      this.#watermark = Math.max(this.#watermark, marker === "end" ? Number.POSITIVE_INFINITY : Number(marker));
      return { kind: "marker" };
    }
    const flight = judgeFlight(message.body);
    if (flight === undefined) return { kind: "malformed" };
    const watermark = this.#watermark;
    this.#watermark = Math.max(watermark, flight.time - OUT_OF_ORDER_MS);
    if (flight.time + DEDUPE_WITHIN_MS <= watermark) return { kind: "late" };
    const times = this.#accepted.get(flight.id);
    if (times?.some((time) => Math.abs(time - flight.time) <= DEDUPE_WITHIN_MS) === true) return { kind: "duplicate" };
    if (times === undefined) this.#accepted.set(flight.id, [flight.time]);
    else times.push(flight.time);
    this.#prune();
    return { kind: "flight", flight, watermark };
  }

  /** Forgets ids that no event on time can be close to; keeps three million flights within memory. */
  #prune(): void {
    if (this.#accepted.size < this.#pruneAt) return;
    const oldest = this.#watermark - 2 * DEDUPE_WITHIN_MS;
    for (const [id, times] of this.#accepted) {
      if (times.every((time) => time < oldest)) this.#accepted.delete(id);
    }
    this.#pruneAt = Math.max(FIRST_PRUNE, 2 * this.#accepted.size);
  }
}
