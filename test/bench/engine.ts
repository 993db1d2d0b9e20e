/**
 * The engine against a hand-written loop of the same job on the same bytes: parse, validate, drop duplicates, join,
 * hourly window per airport with five aggregates, documents out. Prints one line for each and the ratio.
 */

import { z } from "zod";
import { avg, count, first, quantile } from "../../lib/aggregates/index.ts";
import { NO_WATERMARK } from "../../lib/engine/frame.ts";
import type { HubEvent } from "../../lib/engine/ports.ts";
import { Processor } from "../../lib/engine/processor.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { tablesOf } from "../../lib/stream/plan.ts";
import { stream } from "../../lib/stream/stream.ts";
import { table } from "../../lib/stream/table.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { AIRPORTS, type Airport, Flight, flights } from "./engine-job.ts";

const EVENTS = 200_000;
const BATCH = 1_000;
const HOUR = 3_600_000;

const airports = table("airports", z.object({ iata: z.string(), name: z.string(), state: z.string() }), {
  key: (airport) => airport.iata,
  from: {
    kind: "memory",
    target: { kind: "memory", name: "airports" },
    open: () => ({ load: async () => ({ version: "1", rows: AIRPORTS }) }),
  },
});

const discard = { ...captureSink<unknown>("documents", { kind: "memory", name: "documents" }).sink };

const pipeline = stream("delays", Flight)
  .eventTime((flight) => flight.scheduled, { outOfOrder: "2h" })
  .dedupe("by-id", (flight) => flight.id, { within: "12h" })
  .keyBy((flight) => flight.origin)
  .joinTable("with-airport", airports, (flight, airport) => ({
    ...flight,
    airport: airport?.name ?? "unknown",
    state: airport?.state ?? "unknown",
  }))
  .window(tumbling("1h", { grace: "6h" }))
  .aggregate("stats", {
    airport: first((flight) => flight.airport),
    state: first((flight) => flight.state),
    flights: count(),
    late: count((flight) => flight.delay > 15),
    avgDelay: avg((flight) => flight.delay),
    p95Delay: quantile(0.95, (flight) => flight.delay),
  })
  .map("document", ({ key: origin, ...stats }) => ({ id: `${origin}-${stats.windowStart}`, origin, ...stats }))
  .to(discard);

async function engine(batches: readonly HubEvent[][]): Promise<number> {
  const world = new VirtualWorld(0);
  const tables = new TableCache(world, {} as never);
  await tables.refresh(tablesOf(pipeline.plan));
  const sink = { prepare: (value: unknown) => value, accept: (value: unknown) => value } as never;
  const processor = new Processor(pipeline.plan, {
    id: { pipeline: "delays", partition: "0" },
    position: 0,
    start: 0,
    watermark: NO_WATERMARK,
    state: new Map(),
    ledger: undefined,
    lastEnqueued: 0,
    tables,
    sinks: new Map([["documents", sink]]),
  });
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
