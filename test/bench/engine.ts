/**
 * The engine against a hand-written loop of the same job on the same bytes: parse, validate, drop duplicates, join,
 * hourly window per airport with five aggregates, documents out. Prints one line for each and the ratio.
 */

import type { HubEvent } from "../../lib/engine/ports.ts";
import { AIRPORTS, type Airport, Flight, flights } from "./engine-job.ts";
import { openProcessor } from "./engine-pipeline.ts";

const EVENTS = 200_000;
const BATCH = 1_000;
const HOUR = 3_600_000;

async function engine(batches: readonly HubEvent[][]): Promise<number> {
  const processor = await openProcessor();
  let documents = 0;
  for (const batch of batches) {
    processor.process(batch);
    const { outbox } = processor.closeFrame(0);
    for (const { messages } of outbox) documents += messages.length;
  }
  return documents;
}

interface Window {
  flights: number;
  late: number;
  sum: number;
  delays: number[];
  airport: string;
  state: string;
  dirty: boolean;
}

/** The same job as somebody would write it for this case alone. */
function byHand(batches: readonly HubEvent[][]): number {
  const byCode = new Map(AIRPORTS.map((airport): [string, Airport] => [airport.iata, airport]));
  const windows = new Map<number, Map<string, Window>>();
  const fired = new Set<number>();
  const seen = new Map<string, number>();
  let watermark = Number.MIN_SAFE_INTEGER;
  let documents = 0;
  for (const batch of batches) {
    for (const event of batch) {
      const parsed = Flight.safeParse(JSON.parse((event.body as Buffer).toString("utf8")));
      if (!parsed.success) continue;
      const flight = parsed.data;
      const time = Date.parse(flight.scheduled);
      const start = Math.floor(time / HOUR) * HOUR;
      if (time + 12 * HOUR <= watermark || seen.has(flight.id)) continue;
      seen.set(flight.id, time);
      if (start + 7 * HOUR <= watermark) continue;
      const airport = byCode.get(flight.origin);
      let keys = windows.get(start);
      if (keys === undefined) {
        keys = new Map();
        windows.set(start, keys);
      }
      let window = keys.get(flight.origin);
      if (window === undefined) {
        const { name = "unknown", state = "unknown" } = airport ?? {};
        window = { flights: 0, late: 0, sum: 0, delays: [], airport: name, state, dirty: false };
        keys.set(flight.origin, window);
      }
      window.flights++;
      if (flight.delay > 15) window.late++;
      window.sum += flight.delay;
      window.delays.push(flight.delay);
      window.dirty = true;
      watermark = Math.max(watermark, time - 2 * HOUR);
    }
    for (const [start, keys] of windows) {
      if (start + HOUR > watermark) continue;
      for (const [origin, window] of keys) {
        if (fired.has(start) && !window.dirty) continue;
        window.delays.sort((a, b) => a - b);
        documents += document(origin, start, window) ? 1 : 0;
        window.dirty = false;
      }
      fired.add(start);
      if (start + 7 * HOUR <= watermark) windows.delete(start);
    }
    for (const [id, time] of seen) {
      if (time + 24 * HOUR > watermark) break;
      seen.delete(id);
    }
  }
  return documents;
}

function document(origin: string, start: number, window: Window): object {
  const windowStart = new Date(start).toISOString();
  const { flights, late, sum, delays, airport, state } = window;
  return {
    id: `${origin}-${windowStart}`,
    origin,
    airport,
    state,
    windowStart,
    windowEnd: new Date(start + HOUR).toISOString(),
    flights,
    late,
    avgDelay: sum / flights,
    p95Delay: delays[Math.ceil(0.95 * delays.length) - 1],
  };
}

async function timed(work: () => number | Promise<number>): Promise<{ seconds: number; documents: number }> {
  const started = performance.now();
  const documents = await work();
  return { seconds: (performance.now() - started) / 1_000, documents };
}

const events = flights(EVENTS);
const batches = Array.from({ length: EVENTS / BATCH }, (_, i) => events.slice(i * BATCH, (i + 1) * BATCH));
const rounds: { loop: number; engine: number }[] = [];
for (let round = 0; round < 5; round++) {
  const loop = await timed(() => byHand(batches));
  const own = await timed(() => engine(batches));
  if (loop.documents !== own.documents)
    throw new Error(`${loop.documents} documents by hand, ${own.documents} by the engine`);
  if (round > 0) rounds.push({ loop: loop.seconds, engine: own.seconds });
}
const best = (of: "loop" | "engine") => Math.min(...rounds.map((round) => round[of]));
const rate = (seconds: number) => `${Math.round(EVENTS / seconds / 1_000)}k events/s`;
console.log(`hand-written loop  ${rate(best("loop"))}`);
console.log(`engine             ${rate(best("engine"))}`);
console.log(`engine / loop      ${(best("engine") / best("loop")).toFixed(2)}× the time`);
