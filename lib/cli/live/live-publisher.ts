import { setTimeout as sleep } from "node:timers/promises";
import { departures } from "../flights/departures.ts";
import { type Holding, heldBack } from "../flights/held-back.ts";
import { flightMessages } from "../flights/messages.ts";
import { Publisher } from "../flights/publisher.ts";
import type { FlightFile } from "../flights/read-flights.ts";
import { FLIGHTS_HUB, FLIGHTS_PARTITIONS } from "../pipelines.ts";

/** At first two hours of flights a second, so that windows close while one looks; then a pace to leave running. */
const OPENING_EVENTS = 20_000;
const OPENING_RATE = 2000;
const LATER_RATE = 200;
const TICK_MS = 50;
const HELD_SHARE = 0.1;

export interface LivePublishing {
  readonly connectionString: string;
  readonly flights: FlightFile;
  readonly noise: number;
  readonly seed: number;
  /** Flights that come late; absent: only those that left late. */
  readonly holding?: Holding;
  /** Events per second; undefined for the pace of a first look. */
  readonly rate: number | undefined;
  /** What each partition of the hub holds already, from earlier runs. */
  readonly there: readonly number[];
  readonly signal: AbortSignal;
  /** A tenth of the rate is published as long as this answers true. */
  readonly held?: () => boolean;
  readonly onPublished: (events: number) => void;
}

/**
 * Publishes flights at a steady rate, going on behind what earlier runs have published; resolves at the end of the data,
 * or when the signal says so, with everything accepted that was taken.
 */
export async function publishLive(options: LivePublishing): Promise<void> {
  const { connectionString, flights, there, signal, holding } = options;
  const { BulkSender } = await import("../../local/hub-client/bulk-sender.ts");
  const sender = new BulkSender(connectionString, FLIGHTS_HUB);
  const publisher = new Publisher(sender, FLIGHTS_PARTITIONS, there);
  const pace = new Pace(options, publisher);
  const rows = holding === undefined ? departures(flights) : heldBack(departures(flights), holding);
  try {
    for await (const messages of flightMessages(flights.table, rows, options)) {
      for (const message of messages) {
        const taken = publisher.add(message);
        if (taken === "there") continue;
        if (taken !== undefined) await taken;
        if (pace.full()) await pace.nextTick();
        if (signal.aborted) break;
      }
      if (signal.aborted) break;
    }
    await publisher.flush();
  } finally {
    await sender.close();
  }
}

/** Lets through so many messages a tick. */
class Pace {
  readonly #options: LivePublishing;
  readonly #publisher: Publisher;
  #sent = 0;
  #owed = 0;
  #last = performance.now();

  constructor(options: LivePublishing, publisher: Publisher) {
    this.#options = options;
    this.#publisher = publisher;
  }

  /** Counts a message; true when the tick has had its share. */
  full(): boolean {
    this.#sent++;
    return --this.#owed <= 0;
  }

  async nextTick(): Promise<void> {
    const { rate: wanted, signal, held = () => false, onPublished } = this.#options;
    await this.#publisher.flush();
    onPublished(this.#sent);
    do {
      if (!signal.aborted) await sleep(TICK_MS, undefined, { signal }).catch(() => {});
      const now = performance.now();
      const rate = wanted ?? (this.#sent < OPENING_EVENTS ? OPENING_RATE : LATER_RATE);
      // Time that was lost to something slow is not made up for: the rate would jump.
      // Never nothing at all: what a host has skipped is found with the partition's next event.
      const share = held() ? HELD_SHARE : 1;
      this.#owed += (share * rate * Math.min(now - this.#last, 4 * TICK_MS)) / 1000;
      this.#last = now;
    } while (this.#owed < 1 && !signal.aborted);
  }
}
