import { delays } from "../../functions/delays.ts";
import { NO_WATERMARK, type StateContents } from "../../lib/engine/frame.ts";
import { Processor } from "../../lib/engine/processor.ts";
import { TableCache } from "../../lib/engine/tables.ts";
import { type Plan, tablesOf } from "../../lib/stream/plan.ts";
import { captureSink } from "../../lib/testing/capture-sink.ts";
import { withTables } from "../../lib/testing/memory-tables.ts";
import { VirtualWorld } from "../../lib/testing/virtual-world.ts";
import { AIRPORTS } from "./engine-job.ts";

const { sink: discard } = captureSink<unknown>("documents", { kind: "memory", name: "documents" });

/** The app's own pipeline over a table in memory, with a sink that keeps nothing. */
const plan: Plan = {
  ...delays.plan,
  stages: delays.plan.stages.map((stage) => withTables(stage, { airports: AIRPORTS })),
  sinks: [discard],
};

/** The job as a running pipeline, with new state or with what was recovered. */
export async function openProcessor(state: StateContents = new Map()): Promise<Processor> {
  const world = new VirtualWorld(0);
  const tables = new TableCache(world, {} as never);
  await tables.refresh(tablesOf(plan));
  const sink = { prepare: (value: unknown) => value, accept: (value: unknown) => value } as never;
  return new Processor(plan, {
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
