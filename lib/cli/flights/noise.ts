import type { Flight } from "./flight-table.ts";

/** One message for the hub, before it is batched. */
export interface FlightMessage {
  readonly partitionKey: string;
  readonly body: Uint8Array;
}

/** A well-formed message. */
export function flightMessage(flight: Flight): FlightMessage {
  return { partitionKey: flight.origin, body: Buffer.from(JSON.stringify(flight)) };
}

/** A message that is no JSON at all: cut off, of another format, or bytes that are no text. */
export function malformedMessage(flight: Flight, random: () => number): FlightMessage {
  const text = JSON.stringify(flight);
  const cut = 1 + Math.floor(random() * (text.length - 2));
  const bodies = [
    () => Buffer.from(text.slice(0, cut)),
    () => Buffer.from(Object.values(flight).join(",")),
    () => Buffer.from([0xff, 0xfe, ...Buffer.from(text).subarray(0, cut)]),
  ];
  return { partitionKey: flight.origin, body: pick(bodies, random)() };
}

/** A message that is JSON but no plausible flight. */
export function schemaBreakingMessage(flight: Flight, random: () => number): FlightMessage {
  const broken = pick(SCHEMA_BREAKS, random)(flight);
  return { partitionKey: flight.origin, body: Buffer.from(JSON.stringify(broken)) };
}

const SCHEMA_BREAKS: readonly ((flight: Flight) => unknown)[] = [
  (flight) => ({ ...flight, delay: String(flight.delay) }),
  (flight) => ({ ...flight, delay: null }),
  (flight) => ({ ...flight, delay: -1116 }),
  (flight) => ({ ...flight, scheduled: undefined }),
  (flight) => ({ ...flight, scheduled: "yesterday" }),
  (flight) => ({ ...flight, scheduled: "2001-02-30T25:61:00.000Z" }),
  (flight) => ({ ...flight, scheduled: Date.parse(flight.scheduled) }),
  (flight) => ({ ...flight, distance: -flight.distance - 1 }),
  (flight) => ({ ...flight, origin: 42 }),
  (flight) => ({ ...flight, destination: "" }),
  (flight) => ({ ...flight, id: undefined }),
  (flight) => [flight],
  () => null,
];

function pick<T>(choices: readonly T[], random: () => number): T {
  return choices[Math.floor(random() * choices.length)] as T;
}
