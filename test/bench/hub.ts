/**
 * Events in and out of the embedded hub through the unmodified SDK. Prints one JSON object.
 *
 *   node test/bench/hub.ts [--events 200000] [--body 200] [--folder]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";

interface Sample {
  readonly cpuMicros: number;
  readonly rss: number;
  readonly stats: { readonly eventsOut: number; readonly memoryBytes: number };
}

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "200000" },
    body: { type: "string", default: "200" },
    folder: { type: "boolean", default: false },
    singles: { type: "string", default: "2000" },
  },
});
const events = Number(values.events);
// JSON, because the SDK tries to parse every body and a failure costs it twenty times the rest.
const body = Buffer.from(JSON.stringify({ pad: "x".repeat(Math.max(0, Number(values.body) - 10)) }));
const folder = values.folder ? mkdtempSync(join(tmpdir(), "hub-bench-")) : undefined;
const child = fork(new URL("./hub-server.ts", import.meta.url), folder ? [folder] : [], {
  execArgv: ["--disable-warning=ExperimentalWarning"],
});
const [connectionString] = (await once(child, "message")) as [string];

async function sample(): Promise<Sample> {
  child.send("sample");
  const [result] = await once(child, "message");
  return result as Sample;
}

async function publish(producer: EventHubProducerClient, events: number): Promise<void> {
  const batch = await producer.createBatch();
  while (batch.count < 500 && batch.tryAdd({ body }));
  let left = Math.ceil(events / batch.count);
  const worker = async () => {
    while (left-- > 0) await producer.sendBatch(batch);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}

async function consume(expected: number): Promise<void> {
  const consumer = new EventHubConsumerClient("$Default", connectionString, "load");
  let received = 0;
  await new Promise<void>((resolve, reject) => {
    consumer.subscribe(
      {
        processEvents: async (batch) => {
          received += batch.length;
          if (received >= expected) resolve();
        },
        processError: async (error) => reject(error),
      },
      { startPosition: earliestEventPosition, maxBatchSize: 1000, prefetchCount: 3000, maxWaitTimeInSeconds: 1 },
    );
  });
  await consumer.close();
}

async function acknowledgements(producer: EventHubProducerClient): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < Number(values.singles); i++) {
    const start = performance.now();
    await producer.sendBatch([{ body }]);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

const producer = new EventHubProducerClient(connectionString, "load");
const warming = new EventHubProducerClient(connectionString, "warm-up");
await publish(warming, 20_000);
await warming.close();
await producer.getEventHubProperties();
const before = await sample();
let start = performance.now();
await publish(producer, events);
const inSeconds = (performance.now() - start) / 1000;
const afterIn = await sample();
start = performance.now();
await consume(events);
const outSeconds = (performance.now() - start) / 1000;
const afterOut = await sample();
const times = await acknowledgements(producer);
const afterSingles = await sample();
await producer.close();
child.send("stop");
await once(child, "exit");
if (folder) rmSync(folder, { recursive: true });

const round = (value: number, digits = 2) => Number(value.toFixed(digits));
console.log(
  JSON.stringify({
    events,
    bodyBytes: body.length,
    onDisk: values.folder,
    inPerSecond: Math.round(events / inSeconds),
    outPerSecond: Math.round(events / outSeconds),
    serverCpuMicrosPerEventIn: round((afterIn.cpuMicros - before.cpuMicros) / events),
    serverCpuMicrosPerEventOut: round((afterOut.cpuMicros - afterIn.cpuMicros) / events),
    storedPerEventOverBody: round((afterIn.stats.memoryBytes - before.stats.memoryBytes) / events - body.length, 1),
    singleSendMs: {
      p50: round(times[times.length >> 1] ?? 0),
      p99: round(times[Math.floor(times.length * 0.99)] ?? 0),
    },
    serverCpuMicrosPerSingleSend: round((afterSingles.cpuMicros - afterOut.cpuMicros) / times.length),
    serverRssMb: Math.round(afterSingles.rss / 1e6),
  }),
);
