/**
 * What the sinks cost: CPU of the client and of the local service for each document or event, through the unmodified
 * SDKs. Prints one JSON object; microseconds, and ratios to the plainest way of doing the same with the SDK.
 *
 *   node test/bench/sinks.ts [--documents 20000] [--events 50000] [--frame 1000] [--tasks 4]
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { Container } from "@azure/cosmos";
import { cosmos } from "../../lib/sinks/cosmos.ts";
import { toHub } from "../../lib/sinks/hub.ts";
import { cosmosClient, localConnections, Owner } from "../sinks/support.ts";

const { values } = parseArgs({
  options: {
    documents: { type: "string", default: "20000" },
    events: { type: "string", default: "50000" },
    frame: { type: "string", default: "1000" },
    tasks: { type: "string", default: "4" },
  },
});
const [documents, events, frameSize, tasks] = [values.documents, values.events, values.frame, values.tasks].map(
  Number,
) as [number, number, number, number];

const child = fork(new URL("./sinks-server.ts", import.meta.url), {
  execArgv: ["--disable-warning=ExperimentalWarning"],
});
const [services] = (await once(child, "message")) as [{ cosmos: string; hub: string }];
const connections = localConnections(services);
const client = cosmosClient(services.cosmos);

interface Cost {
  readonly clientMicros: number;
  readonly serviceMicros: number;
  readonly perSecond: number;
}

async function serviceCpu(): Promise<NodeJS.CpuUsage> {
  child.send("cpu");
  return ((await once(child, "message")) as [NodeJS.CpuUsage])[0];
}

async function measure(count: number, work: () => Promise<unknown>): Promise<Cost> {
  const service = await serviceCpu();
  const own = process.cpuUsage();
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const spent = process.cpuUsage(own);
  const after = await serviceCpu();
  return {
    clientMicros: round((spent.user + spent.system) / count),
    serviceMicros: round((after.user + after.system - service.user - service.system) / count),
    perSecond: Math.round(count / seconds),
  };
}

const round = (value: number) => Math.round(value * 10) / 10;

const document = (key: string, version: number) => ({
  id: `${key}:2001-01-01T00:00:00.000Z`,
  origin: key,
  airport: "Chicago O'Hare International",
  state: "IL",
  windowStart: "2001-01-01T00:00:00.000Z",
  windowEnd: "2001-01-01T01:00:00.000Z",
  flights: 12,
  late: version,
  avgDelay: 12.345,
  p95Delay: 40,
});

/** Frames of documents that all have keys of their own, through several tasks at once. */
async function throughSink(
  count: number,
  size: number,
  version: number,
  take?: Owner<object>[],
): Promise<Owner<object>[]> {
  const sink = cosmos<ReturnType<typeof document>>({
    databaseName: "bench",
    containerName: "bulk",
    partitionKey: "/origin",
  });
  const owners =
    take ??
    (await Promise.all(
      Array.from({ length: tasks }, (_, task) => Owner.open(sink, { connections, partition: `${task}` })),
    ));
  await Promise.all(
    owners.map(async (owner, task) => {
      for (let at = 0; at < count / tasks; at += size) {
        const frame = owner.frame(
          Array.from({ length: size }, (_, i) => document(`${size}-${task}-${at + i}`, version)),
        );
        await owner.deliver(frame, AbortSignal.timeout(60_000));
      }
    }),
  );
  return owners as Owner<object>[];
}

async function pool(count: number, width: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

const container = (name: string): Container => client.database("bench").container(name);

async function cosmosCosts() {
  const few = Math.min(documents, 4_000);
  await throughSink(2_000, 100, 1);
  const owners = await throughSink(0, frameSize, 1);
  const created = await measure(documents, () => throughSink(documents, frameSize, 1, owners));
  const updated = await measure(documents, () => throughSink(documents, frameSize, 2, owners));
  const strangers = await throughSink(0, frameSize, 3);
  for (const owner of strangers) for (let i = 0; i < 1_000; i++) owner.frame([]);
  const takenOver = await measure(documents, () => throughSink(documents, frameSize, 3, strangers));
  const small = await measure(few, () => throughSink(few, 20, 1));
  const create = await measure(few, () => pool(few, 64, (i) => container("create").items.create(document(`${i}`, 1))));
  const batch = await measure(few, () =>
    pool(few, 64, (i) => {
      const operation = { operationType: "Create" as const, resourceBody: document(`${i}`, 1) };
      return container("batch").items.batch([operation], `${i}`);
    }),
  );
  const ratio = round(create.clientMicros / created.clientMicros);
  return {
    created,
    updated,
    takenOver,
    frameOf20: small,
    sdkCreate: create,
    sdkBatchOfOne: batch,
    createOverSink: ratio,
  };
}

async function hubCosts() {
  const value = (i: number) => ({ ...document(`R${i % 500}`, 1), id: `${i}` });
  const sink = toHub<ReturnType<typeof value>>({ eventHubName: "legs", key: ({ origin }) => origin });
  const owners = await Promise.all(
    Array.from({ length: tasks }, (_, task) => Owner.open(sink, { connections, partition: `${task}`, tasks })),
  );
  const run = async (count: number) => {
    await Promise.all(
      owners.map(async (owner) => {
        for (let at = 0; at < count / tasks; at += frameSize) {
          await owner.deliver(
            owner.frame(
              Array.from({ length: frameSize }, (_, i) => value(at + i)),
              at,
            ),
          );
        }
      }),
    );
  };
  await run(tasks * frameSize);
  const sent = await measure(events, () => run(events));
  const producer = await connections.eventHubProducer("", "legs");
  const bare = await measure(events, async () => {
    for (let at = 0; at < events; at += 250) {
      const batch = await producer.createBatch({ partitionId: `${(at / 250) % 4}` });
      for (let i = 0; i < 250; i++) batch.tryAdd({ body: Buffer.from(JSON.stringify(value(at + i))) });
      await producer.sendBatch(batch);
    }
  });
  return { sent, sdkBatches: bare, sinkOverSdk: round((10 * sent.clientMicros) / bare.clientMicros) / 10 };
}

console.log(JSON.stringify({ cosmos: await cosmosCosts(), hub: await hubCosts() }, undefined, 2));
await connections.close();
client.dispose();
child.disconnect();
