import type { FlightFile } from "./read-flights.ts";

/** No flight of the data leaves earlier than this before its time. */
const EARLIEST_MS = 24 * 3_600_000;

/**
 * Yields the rows of a file in the order in which the flights really left; equal departures keep the order of the rows.
 * The file is in order of scheduled departure, and is read only as far as the order needs it.
 */
export async function* departures(file: FlightFile): AsyncGenerator<Uint32Array> {
  const { table } = file;
  let waiting = new Uint32Array(0);
  let filled = 0;
  while (filled < table.length) {
    const from = filled;
    filled = await file.readGroup(from);
    const rows = new Uint32Array(waiting.length + filled - from);
    rows.set(waiting);
    for (let row = from; row < filled; row++) rows[waiting.length + row - from] = row;
    const times = Float64Array.from(rows, (row) => table.departure(row));
    const order = Uint32Array.from(rows.keys()).sort((a, b) => byDeparture(times, rows, a, b));
    const sorted = order.map((at) => rows[at] as number);
    const safe = filled === table.length ? Number.POSITIVE_INFINITY : table.scheduled(filled - 1) - EARLIEST_MS;
    const ready = sorted.findIndex((row) => table.departure(row) >= safe);
    const end = ready < 0 ? sorted.length : ready;
    waiting = sorted.slice(end);
    yield sorted.subarray(0, end);
  }
}

function byDeparture(times: Float64Array, rows: Uint32Array, a: number, b: number): number {
  return (times[a] as number) - (times[b] as number) || (rows[a] as number) - (rows[b] as number);
}
