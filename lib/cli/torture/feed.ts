import { Publisher } from "../flights/publisher.ts";
import { seededRandom } from "../flights/random.ts";
import { openFlights } from "../flights/read-flights.ts";
import { publishLive } from "../live/live-publisher.ts";
import { FLIGHTS_HUB, FLIGHTS_PARTITIONS } from "../pipelines.ts";

export interface FeedOptions {
  readonly connectionString: string;
  readonly noise: number;
  readonly seed: number;
  /** Events per second. */
  readonly rate: number;
  /** Ends the feed. */
  readonly signal: AbortSignal;
  /** A tenth of the rate is published as long as this answers true. */
  readonly held: () => boolean;
  readonly onPublished: (events: number) => void;
}

const ALL_FLIGHTS = 3_000_000;
/**
 * One flight in ten comes up to eight hours late, most within the grace: so results are written again and again, and a
 * stale write hits something newer.
 */
const LATE_SHARE = 0.1;
const LATE_REACH = 5000;

/** Publishes flights until the signal says that it is enough, then ends the stream with a marker to each partition. */
export async function feed(options: FeedOptions): Promise<void> {
  const flights = await openFlights(ALL_FLIGHTS);
  const there = Array.from({ length: FLIGHTS_PARTITIONS }, () => 0);
  const holding = { share: LATE_SHARE, reach: LATE_REACH, random: seededRandom(options.seed) };
  await publishLive({ ...options, flights, there, holding });
  const { BulkSender } = await import("../../local/hub-client/bulk-sender.ts");
  const sender = new BulkSender(options.connectionString, FLIGHTS_HUB);
  try {
    await new Publisher(sender, FLIGHTS_PARTITIONS).end();
  } finally {
    await sender.close();
  }
}
