/**
 * From the event that closes a window being accepted by the hub to the window's document being readable in Cosmos DB,
 * through the whole app on local services, beside a load of a thousand events a second.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { openSession } from "../../lib/cli/session.ts";

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

const folder = await mkdtemp(join(tmpdir(), "tidemark-latency-"));
const session = await openSession({
  folder,
  ports: "free",
  cosmosSinks: true,
  onLog: () => undefined,
  onEvent: () => undefined,
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
  for (let probe = 0; probe < PROBES + WARM_UP; probe++, hour++) {
    const start = BEGIN + hour * HOUR;
    await producer.sendBatch([flight(PROBE_ORIGIN, start)], { partitionKey: PROBE_ORIGIN });
    await producer.sendBatch([flight(PROBE_ORIGIN, start + CLOSES_AFTER)], { partitionKey: PROBE_ORIGIN });
    const accepted = performance.now();
    await readable(`${PROBE_ORIGIN}-${new Date(start).toISOString()}`);
    if (probe >= WARM_UP) measured.push(performance.now() - accepted);
    await sleep(20);
  }
  going = false;
  await load;
  measured.sort((a, b) => a - b);
  const at = (q: number) => Math.round(measured[Math.ceil(q * measured.length) - 1] as number);
  if (process.argv.includes("--json")) console.log(JSON.stringify({ probes: PROBES, p50: at(0.5), p99: at(0.99) }));
  else console.log(`accepted → readable   p50 ${at(0.5)} ms, p99 ${at(0.99)} ms over ${PROBES} windows`);
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
