import type { HubEvent } from "../../lib/engine/ports.ts";
import { mulberry32 } from "../../lib/testing/virtual-world.ts";

export { Flight } from "../../functions/shared/flight.ts";

export interface Airport {
  readonly iata: string;
  readonly name: string;
  readonly city: string;
  readonly state: string;
}

const ORIGINS = 60;
const BEGIN = Date.UTC(2001, 0, 1);

export const AIRPORTS: readonly Airport[] = Array.from({ length: ORIGINS }, (_, i) => ({
  iata: code(i),
  name: `Airport ${i}`,
  city: `City ${i}`,
  state: `S${i % 12}`,
}));

/** Flights of one partition in order of departure, as bytes: about 170 an hour over 60 airports. */
export function flights(count: number): HubEvent[] {
  const random = mulberry32(7);
  return Array.from({ length: count }, (_, i) => {
    const departed = BEGIN + i * 21_000;
    const delay = Math.round(random() ** 6 * 400 - 8);
    const origin = Math.floor(random() ** 2 * ORIGINS);
    const body = JSON.stringify({
      id: `2001-${i}`,
      scheduled: new Date(departed - delay * 60_000).toISOString(),
      delay,
      distance: 100 + Math.floor(random() * 2_000),
      origin: code(origin),
      destination: code(Math.floor(random() * ORIGINS)),
    });
    return {
      sequenceNumber: i,
      enqueuedTime: Date.UTC(2030, 0, 1),
      partitionKey: code(origin),
      properties: {},
      body: Buffer.from(body),
    };
  });
}

function code(i: number): string {
  return `A${String.fromCharCode(65 + (i % 26))}${String.fromCharCode(65 + Math.floor(i / 26))}`;
}
