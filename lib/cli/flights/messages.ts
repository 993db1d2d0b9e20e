import type { FlightTable } from "./flight-table.ts";
import { type FlightMessage, flightMessage, malformedMessage, schemaBreakingMessage } from "./noise.ts";
import { seededRandom } from "./random.ts";

export interface MessageOptions {
  /** The share of messages that are malformed, against the schema, or duplicates: 0 to 1. */
  readonly noise: number;
  readonly seed: number;
}

/** How far back, in messages, a duplicate may follow its flight. */
const DUPLICATE_REACH = 3000;

/**
 * Yields exactly as many messages as the table has flights, in order of actual departure. Noise takes the place of
 * flights at the end: a broken message or a duplicate stands between two good ones and costs none of them.
 */
export function* flightMessages(flights: FlightTable, options: MessageOptions): Generator<FlightMessage> {
  const random = seededRandom(options.seed);
  const rows = flights.departureOrder();
  let next = 0;
  for (let sent = 0; sent < flights.length; sent++) {
    const isNoise = random() < options.noise;
    if (!isNoise) yield flightMessage(flights.at(rows[next++] as number));
    else yield noiseMessage(flights, rows, next, random);
  }
}

function noiseMessage(flights: FlightTable, rows: Uint32Array, next: number, random: () => number): FlightMessage {
  const coming = flights.at(rows[next] as number);
  const kind = random();
  if (kind < 1 / 3) return malformedMessage(coming, random);
  if (kind < 2 / 3 || next === 0) return schemaBreakingMessage(coming, random);
  const back = 1 + Math.floor(random() * Math.min(next, DUPLICATE_REACH));
  return flightMessage(flights.at(rows[next - back] as number));
}
