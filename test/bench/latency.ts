/**
 * From the event that closes a window being accepted by the hub to the window's document being readable in Cosmos DB,
 * through the whole app on local services, beside a load of a thousand events a second; and where the time goes.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { openSession } from "../../lib/cli/session.ts";
import { parseCommitLine } from "../../lib/telemetry/metrics.ts";
import { atMost, percentile, printRows, rounded } from "./rows.ts";

const LOAD_PER_SECOND = 1_000;
const PROBES = 200;
const WARM_UP = 20;
const HOUR = 3_600_000;
const BEGIN = Date.UTC(2001, 0, 1);
/** Windows close when event time, which lags by two hours, has come to their end. */
const CLOSES_AFTER = 3 * HOUR;
const PROBE_ORIGIN = "ORD";
const LOAD_ORIGINS = ["LAX", "JFK", "SFO", "ATL", "DFW", "DEN", "SEA", "BOS", "MIA", "PHX", "IAH", "LGA"];

let serial = 0;
const flight = (origin: string, scheduled: number) => ({
  body: {
    id: `f${serial++}`,
    scheduled: new Date(scheduled).toISOString(),
    delay: 5,
    distance: 500,
    origin,
    destination: "STL",
  },
});

/** What a probe went through, in milliseconds, in this order. */
const PHASES = {
  wait: "hub → host: earlier batches, and up to 20 ms for a fuller one",
  process: "host → worker, process, and the line that tells",
  append: "frame appended to the checkpoint log",
  write: "document written to Cosmos DB",
  read: "document read",
} as const;
type Phases = { [phase in keyof typeof PHASES]: number };

/** When the newest invocation of each partition began, and the frame that closed the newest window. */
const begun = new Map<string, number>();
let closing: { watermark: number; began: number; told: number; append: number; write: number } | undefined;

function note(message: string): void {
  const line = parseCommitLine(message);
  if (line?.pipeline !== "delays" || line.results === 0 || line.watermark <= (closing?.watermark ?? 0)) return;
  const { watermark, partition, commitMs, deliverMs } = line;
  const told = performance.now();
  closing = { watermark, began: begun.get(partition) ?? told, told, append: commitMs, write: deliverMs };
}

/** Undefined when the frame's line came too late to tell. */
function phasesOf(start: number, accepted: number, read: number): Phases | undefined {
  if (closing === undefined || closing.watermark < start + HOUR) return undefined;
  const { began, told, append, write } = closing;
  return { wait: began - accepted, process: told - began - append - write, append, write, read: read - told };
}

const folder = await mkdtemp(join(tmpdir(), "tidemark-latency-"));
const session = await openSession({
  folder,
  ports: "free",
  cosmosSinks: true,
  onLog: ({ message }) => note(message),
  onEvent: (event) => {
    if (event.kind !== "invocation-started" || event.functionName !== "delays") return;
    begun.set(event.partition ?? "", performance.now());
  },
});
const { EventHubConnection, CosmosConnection } = session.services.settings;
const producer = new EventHubProducerClient(EventHubConnection, "flights");
const cosmos = new CosmosClient(CosmosConnection);
const documents = cosmos.database("analytics").container("delays");
try {
  let hour = 0;
  let going = true;
  const load = (async () => {
    for (let turn = 0; going; turn++) {
      const events = Array.from({ length: LOAD_PER_SECOND / 50 }, () => flight("", BEGIN + hour * HOUR));
      const origin = LOAD_ORIGINS[turn % LOAD_ORIGINS.length] as string;
      for (const event of events) event.body.origin = origin;
      await producer.sendBatch(events, { partitionKey: origin });
      await sleep(20);
    }
  })();
  const measured: number[] = [];
  const phases: Phases[] = [];
  for (let probe = 0; probe < PROBES + WARM_UP; probe++, hour++) {
    const start = BEGIN + hour * HOUR;
    await producer.sendBatch([flight(PROBE_ORIGIN, start)], { partitionKey: PROBE_ORIGIN });
    await producer.sendBatch([flight(PROBE_ORIGIN, start + CLOSES_AFTER)], { partitionKey: PROBE_ORIGIN });
    const accepted = performance.now();
    await readable(`${PROBE_ORIGIN}-${new Date(start).toISOString()}`);
    const read = performance.now();
    await sleep(20);
    if (probe < WARM_UP) continue;
    measured.push(read - accepted);
    const told = phasesOf(start, accepted, read);
    if (told !== undefined) phases.push(told);
  }
  going = false;
  await load;
  report(measured, phases);
} finally {
  await producer.close();
  cosmos.dispose();
  await session.stop();
  await rm(folder, { recursive: true, force: true });
}

async function readable(id: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const { statusCode } = await documents.item(id, PROBE_ORIGIN).read();
    if (statusCode === 200) return;
    await sleep(2);
  }
  throw new Error(`Document ${id} was not readable within a minute.`);
}

function report(measured: readonly number[], phases: readonly Phases[]): void {
  const rows = [
    atMost("accepted → readable, p50", 40, Math.round(percentile(measured, 0.5)), "ms"),
    atMost("accepted → readable, p99", 150, Math.round(percentile(measured, 0.99)), "ms"),
  ];
  const slowest = phases.map((one) => Object.values(one).reduce((sum, ms) => sum + ms, 0));
  const slow = phases.filter((_, i) => (slowest[i] as number) >= percentile(slowest, 0.95));
  const shares = (Object.keys(PHASES) as (keyof Phases)[]).map((phase) => {
    const all = phases.map((one) => one[phase]);
    const tail = slow.reduce((sum, one) => sum + one[phase], 0) / slow.length;
    const [p50, p99] = [percentile(all, 0.5), percentile(all, 0.99)];
    return { phase, what: PHASES[phase], p50: rounded(p50, 1), p99: rounded(p99, 1), slowest: rounded(tail, 1) };
  });
  if (process.argv.includes("--json")) {
    const [p50, p99] = rows.map((row) => row.seen);
    console.log(JSON.stringify({ probes: PROBES, p50, p99, rows, phases: shares }));
    return;
  }
  printRows(rows);
  console.log(`\nWhere it goes, in ms over ${PROBES} windows: p50, p99, mean of the slowest twentieth`);
  for (const { what, p50, p99, slowest } of shares) {
    console.log(`  ${what.padEnd(64)}${[p50, p99, slowest].map((ms) => String(ms).padStart(8)).join("")}`);
  }
}
