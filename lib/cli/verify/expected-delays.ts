import { ExpectedDocuments } from "./expected-documents.ts";
import type { JudgedFlight } from "./judge-flight.ts";

const HOUR_MS = 3_600_000;
const GRACE_MS = 6 * HOUR_MS;
const LATE_MINUTES = 15;

/** What the verification needs to know of an airport. */
export interface AirportFacts {
  readonly name: string;
  readonly state: string;
}

/** Container `delays`, computed the plain way: all delays of an airport and hour in a list. */
export class ExpectedDelays {
  readonly documents: ExpectedDocuments<number[]>;

  constructor(airports: ReadonlyMap<string, AirportFacts>) {
    this.documents = new ExpectedDocuments<number[]>(
      "delays",
      () => [],
      (origin, start, delays) => ({
        id: `${origin}-${new Date(start).toISOString()}`,
        origin,
        airport: airports.get(origin)?.name ?? "unknown",
        state: airports.get(origin)?.state ?? "unknown",
        windowStart: new Date(start).toISOString(),
        windowEnd: new Date(start + HOUR_MS).toISOString(),
        flights: delays.length,
        late: delays.filter((delay) => delay > LATE_MINUTES).length,
        avgDelay: mean(delays),
        p95Delay: nearestRank(delays, 0.95),
      }),
    );
  }

  /** Counts a flight in; false when its window had closed for good. */
  add(flight: JudgedFlight, watermark: number): boolean {
    const start = Math.floor(flight.time / HOUR_MS) * HOUR_MS;
    if (start + HOUR_MS + GRACE_MS <= watermark) return false;
    this.documents.group(flight.origin, start).push(flight.delay);
    return true;
  }
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The smallest value that at least a share q of all values do not exceed. */
function nearestRank(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.ceil(q * values.length) - 1] as number;
}
