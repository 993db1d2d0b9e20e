/**
 * What an event costs on its way through the host: `node test/local/host/throughput.bench.ts [EVENTS]`.
 * Hub, storage, host and worker each run in a process of their own, so that their CPU time can be told apart.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { EventHubProducerClient } from "@azure/event-hubs";
import { type FunctionsHost, startFunctionsHost } from "../../../lib/local/host/index.ts";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { startStorage } from "../../../lib/local/storage/index.ts";
import { writeApp } from "./support.ts";

const BODY_BYTES = 200;
const PUBLISH_BATCH = 500;
const SETTLE_MS = 50;
const hostJson = { version: "2.0", extensions: { eventHubs: { maxEventBatchSize: 1000, prefetchCount: 4000 } } };
const source = `
import { app } from "@azure/functions";
app.eventHub("sink", { connection: "Hub", eventHubName: "bench", consumerGroup: "sink", cardinality: "many",
  dataType: "binary", handler: async () => {} });`;

if (process.argv[2] === "hub") {
  const hub = await startHubServer({ hubs: [{ name: "bench", partitions: 4, consumerGroups: ["sink"] }], port: 0 });
  process.send?.(hub.connectionString);
  process.on("disconnect", () => process.exit(0));
} else {
  await measure(Number(process.argv[2] ?? 100_000));
}

async function measure(events: number): Promise<void> {
  const startedAt = performance.now();
  const storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  console.log(`storage started in ${Math.round(performance.now() - startedAt)} ms`);
  const hub = fork(import.meta.filename, ["hub"]);
  const [connectionString] = (await once(hub, "message")) as [string];
  await publish(connectionString, events);
  const app = await writeApp({ "main.ts": source }, hostJson);
  const settings = { Hub: connectionString, AzureWebJobsStorage: storage.connectionString };

  let seen = 0;
  let batches = 0;
  let before = { at: 0, host: 0, worker: 0, storage: 0 };
  const done = Promise.withResolvers<void>();
  const now = (workerPid: number | undefined) => {
    const { user, system } = process.cpuUsage();
    const of = (pid: number | undefined) => cpuMicroseconds(pid ?? 0);
    return { at: performance.now(), host: user + system, worker: of(workerPid), storage: of(storage.pid) };
  };
  const host: FunctionsHost = await startFunctionsHost({
    appFolder: app.folder,
    settings,
    onEvent: (event) => {
      if (event.kind === "worker-ready") {
        console.log(`worker ready after ${event.ms} ms`);
        before = now(event.pid);
      }
      if (event.kind !== "invocation-finished") return;
      batches += 1;
      seen += event.count;
      if (seen >= events) done.resolve();
    },
  });
  await done.promise;
  const after = now(host.workerPid);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const each = (kind: "host" | "worker" | "storage") => ((after[kind] - before[kind]) / seen).toFixed(1);
  const rate = Math.round((seen / (after.at - before.at)) * 1000);
  console.log(`${seen} events of ${BODY_BYTES} bytes in ${batches} batches, ${rate} events/s`);
  console.log(`CPU per event in µs: host ${each("host")}, worker ${each("worker")}, storage ${each("storage")}`);
  await host.stop();
  hub.disconnect();
  await storage.stop();
  await app.remove();
}

async function publish(connectionString: string, events: number): Promise<void> {
  const producer = new EventHubProducerClient(connectionString, "bench");
  const batch = Array.from({ length: PUBLISH_BATCH }, () => ({ body: Buffer.alloc(BODY_BYTES, "x") }));
  for (let i = 0; i < events / PUBLISH_BATCH; i++) await producer.sendBatch(batch, { partitionId: String(i % 4) });
  await producer.close();
}

function cpuMicroseconds(pid: number): number {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = rest.split(" ");
  const TICK_MICROSECONDS = 10_000;
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
}
