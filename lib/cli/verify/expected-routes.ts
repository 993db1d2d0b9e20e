import { mean } from "./expected-delays.ts";
import { ExpectedDocuments } from "./expected-documents.ts";
import type { JudgedFlight } from "./judge-flight.ts";

const DAY_MS = 86_400_000;
const GRACE_MS = 6 * 3_600_000;
const SHORTEST_MILES = 100;

export type LegOutcome = "counted" | "short hop" | "late";

/** Container `routes`, computed the plain way, straight from the flights: what the second hub adds is nothing. */
export class ExpectedRoutes {
  readonly documents = new ExpectedDocuments<number[]>(
    "routes",
    () => [],
    (route, start, delays) => ({
      id: `${route}-${new Date(start).toISOString()}`,
      route,
      windowStart: new Date(start).toISOString(),
      windowEnd: new Date(start + DAY_MS).toISOString(),
      flights: delays.length,
      avgDelay: mean(delays),
      minDelay: delays.reduce((least, delay) => Math.min(least, delay)),
      maxDelay: delays.reduce((most, delay) => Math.max(most, delay)),
    }),
  );

  /** Counts a flight in. `watermark` is the one that its leg carried to the second hub. */
  add(flight: JudgedFlight, watermark: number): LegOutcome {
    if (flight.distance < SHORTEST_MILES) return "short hop";
    const start = Math.floor(flight.time / DAY_MS) * DAY_MS;
    if (start + DAY_MS + GRACE_MS <= watermark) return "late";
    this.documents.group(`${flight.origin}-${flight.destination}`, start).push(flight.delay);
    return "counted";
  }
}
