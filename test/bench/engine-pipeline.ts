import { z } from "zod";
import { avg, count, first, quantile } from "../../lib/aggregates/index.ts";
import { NO_WATERMARK, type StateContents } from "../../lib/engine/frame.ts";
import { Processor } from "../../lib/engine/processor.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { tablesOf } from "../../lib/stream/plan.ts";
import { stream } from "../../lib/stream/stream.ts";
import { table } from "../../lib/stream/table.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { AIRPORTS, Flight } from "./engine-job.ts";

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

/** The job as a running pipeline, with new state or with what was recovered. */
export async function openProcessor(state: StateContents = new Map()): Promise<Processor> {
  const world = new VirtualWorld(0);
  const tables = new TableCache(world, {} as never);
  await tables.refresh(tablesOf(pipeline.plan));
  const sink = { prepare: (value: unknown) => value, accept: (value: unknown) => value } as never;
  return new Processor(pipeline.plan, {
    id: { pipeline: "delays", partition: "0" },
    position: 0,
    start: 0,
    watermark: NO_WATERMARK,
    state,
    ledger: undefined,
    lastEnqueued: 0,
    tables,
    sinks: new Map([["documents", sink]]),
  });
}
