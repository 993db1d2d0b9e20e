/** A flight as the verification reads it from the hub. */
export interface JudgedFlight {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly delay: number;
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
const CODE_LENGTH = 3;

/** Reads a body as a plausible flight; undefined when it is none. Written from the data's description, not from the schema. */
export function judgeFlight(body: Uint8Array): JudgedFlight | undefined {
  const value = parse(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { id, scheduled, delay, distance, origin, destination } = value as Record<string, unknown>;
  if (typeof id !== "string" || id === "") return undefined;
  if (typeof scheduled !== "string" || !INSTANT.test(scheduled)) return undefined;
  const time = Date.parse(scheduled);
  // Date.parse turns the 30th of February into the 2nd of March.
  if (Number.isNaN(time) || !new Date(time).toISOString().startsWith(scheduled.slice(0, 19))) return undefined;
  if (typeof delay !== "number" || delay < -60) return undefined;
  if (typeof distance !== "number" || distance <= 0) return undefined;
  if (!isAirport(origin) || !isAirport(destination)) return undefined;
  return { id, time, delay, distance, origin, destination };
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

function isAirport(value: unknown): value is string {
  return typeof value === "string" && value.length === CODE_LENGTH;
}
