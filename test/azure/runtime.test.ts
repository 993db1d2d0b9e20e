import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { InvocationContext } from "@azure/functions";
import { z } from "zod";
import { count, sum } from "../../lib/aggregates/index.ts";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { handle } from "../../lib/azure/handle.ts";
import { describeApp } from "../../lib/azure/registry.ts";
import { type RunnableFunction, Runtime, runtime } from "../../lib/azure/runtime.ts";
import { needsOf, readSettings } from "../../lib/azure/settings.ts";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { mapNode } from "../../lib/operators/map.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { blobTable } from "../../lib/sources/blob-table.ts";
import { stream } from "../../lib/stream/stream.ts";
import { table } from "../../lib/stream/table.ts";
import { tumbling } from "../../lib/stream/window.ts";
import { type CommitLine, LatencyHistogram, parseCommitLine } from "../../lib/telemetry/metrics.ts";

const HUB = "orders";
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

const shops = table("shops", z.object({ id: z.string(), city: z.string() }), {
  key: (shop) => shop.id,
  from: blobTable({ container: "tables", blob: "shops.csv" }),
});
const Order = z.object({ at: z.number(), shop: z.string(), amount: z.number() });
const orders = stream("orders", Order)
  .eventTime((order) => order.at, { outOfOrder: "1m" })
  .keyBy((order) => order.shop)
  .joinTable("with-city", shops, (order, shop) => ({ ...order, city: shop?.city ?? "unknown" }))
  .window(tumbling("1h"))
  .aggregate("stats", { orders: count(), revenue: sum((order) => order.amount) })
  .map("document", ({ key: shop, ...stats }) => ({ id: `${shop}-${stats.windowStart}`, shop, ...stats }))
  .to(cosmos({ databaseName: "test", containerName: "orders", partitionKey: "/shop" }));

const trigger = handle(orders, { eventHubName: HUB, partitions: 2 });

/** The n-th order of a partition: one a minute, so that sixty make a window. A shop is on one partition only. */
function order(partition: string, n: number) {
  const shops = partition === "0" ? ["even", "odd"] : ["left", "right"];
  return { at: START + n * 60_000, shop: shops[n % 2] as string, amount: n };
}

describe("the runtime, on the local services", () => {
  let hub: HubServer;
  let database: CosmosServer;
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let connections: AzureConnections;
  let environment: Record<string, string>;
  const runtimes: Runtime[] = [];

  before(async () => {
    hub = await startHubServer({ port: 0, hubs: [{ name: HUB, partitions: 2, consumerGroups: ["orders-repair"] }] });
    database = await startCosmosServer({ port: 0 });
    database.ensureContainer("test", "orders", ["/shop"]);
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    environment = {
      EventHubConnection: hub.connectionString,
      CosmosConnection: database.connectionString,
      TidemarkStorage: storage.connectionString,
    };
    connections = new AzureConnections(readSettings(needsOf(describeApp()), environment));
    const tables = (await connections.blobs("TidemarkStorage")).getContainerClient("tables");
    await tables.create();
    const rows = 'id,city\neven,"Evenstad"\nodd,Oddville\n';
    await tables.getBlockBlobClient("shops.csv").upload(rows, rows.length);
    await publish("0", 0, 300);
    await publish("1", 0, 70);
  });
  after(async () => {
    await Promise.all(runtimes.map((one) => one.drain(1_000)));
    await connections?.close();
    await Promise.all([hub?.stop(), database?.stop(), storage?.stop()]);
  });

  function start(): Runtime {
    const one = new Runtime(environment);
    runtimes.push(one);
    return one;
  }

  async function publish(partition: string, from: number, to: number): Promise<void> {
    const producer = await connections.eventHubProducer("EventHubConnection", HUB);
    const bodies = Array.from({ length: to - from }, (_, i) => ({ body: order(partition, from + i) }));
    await producer.sendBatch(bodies, { partitionId: partition });
  }

  async function revenues(shop: string): Promise<number[]> {
    const container = (await connections.cosmos("CosmosConnection")).database("test").container("orders");
    const query = { query: "SELECT * FROM c WHERE c.shop = @shop", parameters: [{ name: "@shop", value: shop }] };
    const { resources } = await container.items.query<{ windowStart: string; revenue: number }>(query).fetchAll();
    resources.sort((a, b) => a.windowStart.localeCompare(b.windowStart));
    return resources.map(({ revenue }) => revenue);
  }

  it("repairs what the host skipped, drops what it gives twice, and writes each window once", async () => {
    const one = start();
    const log: CommitLine[] = [];
    await one.handle(FUNCTION, ...batch("0", 200, 260, log));
    await one.handle(FUNCTION, ...batch("0", 180, 300, log));
    // Windows 0 to 3 are over: the fifth hour has begun.
    assert.deepEqual(await revenues("even"), expectedRevenues("even", 4));
    assert.deepEqual(await revenues("odd"), expectedRevenues("odd", 4));
    const total = log.reduce((events, line) => events + line.events, 0);
    assert.equal(total, 300);
    assert.equal(log.at(-1)?.position, 300);
    assert.ok(log.every(({ pipeline, partition }) => pipeline === "orders" && partition === "0"));
    const latency = new LatencyHistogram();
    for (const line of log) latency.merge(line.latency);
    const measured = Object.values(latency.counts()).reduce((sum, one) => sum + one, 0);
    assert.equal(measured, 100, "each event of the trigger is measured once, those read again are not");
    assert.ok((latency.quantile(0.5) as number) >= 1);
  });

  it("holds the limits that a function was given, and names the option that raises them", async () => {
    await publish("0", 300, 320);
    const both = start();
    const limited = both.handle({ ...FUNCTION, limits: { frameBytes: 10 } }, ...batch("0", 300, 320));
    await assert.rejects(limited, { code: "LIMIT_EXCEEDED", message: /handle\(…, \{ limits: \{ frameBytes \} \}\)/ });
    const log: CommitLine[] = [];
    const other = { ...FUNCTION, description: { ...FUNCTION.description, name: "other" } };
    await both.handle({ ...other, limits: { frameBytes: 100_000 } }, ...batch("0", 300, 320, log));
    assert.equal(log.at(-1)?.position, 320);
    const limits = { frameBytes: 2_048, pendingFrames: 5 };
    const pipeline = stream("limited", Order)
      .filter("none", () => false)
      .to(cosmos({ databaseName: "test", containerName: "orders", partitionKey: "/shop", id: () => "x" }));
    handle(pipeline, { eventHubName: HUB, partitions: 2, limits });
    assert.deepEqual(runtime.functions.find(({ pipeline: { name } }) => name === "limited")?.limits, limits);
  });

  it("goes on where another owner stopped, and gives way to it", async () => {
    const first = start();
    const second = start();
    await first.handle(FUNCTION, ...batch("1", 0, 10));
    await second.handle(FUNCTION, ...batch("1", 10, 20));
    const log: CommitLine[] = [];
    await first.handle(FUNCTION, ...batch("1", 10, 20, log));
    assert.equal(log.length, 0, "the other has committed it");
    await first.handle(FUNCTION, ...batch("1", 20, 30, log));
    assert.equal(log.at(-1)?.position, 30);
  });

  it("takes no batch once it drains, and says that it is worth another try", async () => {
    const { connections: others } = hub.stats();
    const one = start();
    // It closes a window: stopped too early, it would not deliver.
    const running = one.handle(FUNCTION, ...batch("1", 30, 70));
    await until(() => hub.stats().connections > others);
    await one.drain(10_000);
    await running;
    await until(() => hub.stats().connections === others);
    await assert.rejects(one.handle(FUNCTION, ...batch("1", 69, 70)), { code: "UNAVAILABLE", retryable: true });
  });

  it("says for which event a partition waits, and ends the wait at once when it drains", async () => {
    const one = start();
    const onError = { retry: { attempts: 3, delay: "1h" } } as const;
    const fail = () => {
      throw new Error("not today");
    };
    const stages = [mapNode("flaky", fail, { onError }), ...orders.plan.stages];
    const flaky = { ...FUNCTION, pipeline: { ...orders, plan: { ...orders.plan, stages } } };
    await publish("1", 70, 72);
    const [bodies, context] = batch("1", 70, 72);
    const said = new Promise((resolve) => {
      context.warn = (text) => /waits for/.test(String(text)) && resolve(text);
    });
    const running = assert.rejects(one.handle(flaky, bodies, context), { code: "UNAVAILABLE", retryable: true });
    assert.equal(
      await said,
      'Partition 1 of "orders" waits for event 70: stage "flaky" failed at try 1 of 3: not today.',
    );
    const before = performance.now();
    await one.drain(60_000);
    await running;
    assert.ok(performance.now() - before < 30_000);
  });

  it("says once that nobody wakes it when it relies on that, and when its function has another name", async () => {
    const one = start();
    const said: string[] = [];
    const relying = { ...FUNCTION, commitEvery: 1_000 };
    for (let i = 0; i < 2; i++) {
      const [bodies, context] = batch("1", 0, 10);
      context.functionName = "takings";
      context.warn = (...parts) => void said.push(parts.join(" "));
      await one.handle(relying, bodies, context);
    }
    assert.equal(said.length, 2);
    assert.match(said.join("\n"), /"takings" runs the pipeline "orders"(.|\n)*commit\.every(.|\n)*sweep\(\)/);
  });

  it("names all settings that are missing, with the first batch and with the next", async () => {
    const one = new Runtime({ EventHubConnection: hub.connectionString });
    for (let i = 0; i < 2; i++) {
      await assert.rejects(one.handle(FUNCTION, ...batch("1", 50, 60)), {
        code: "CONFIGURATION",
        message: /2 problems(.|\n)*TidemarkStorage is not set(.|\n)*CosmosConnection is not set/,
      });
    }
  });

  it("refuses a hub whose partitions are not the declared ones", async () => {
    const description = { ...FUNCTION.description, partitions: 3 };
    await assert.rejects(start().handle({ ...FUNCTION, description }, ...batch("1", 50, 60)), {
      code: "CONFIGURATION",
      message: /has 2 partitions and is declared with 3/,
    });
  });

  it("registers a trigger that loses nothing and blocks its partition while a service is away", () => {
    const { handler: _, ...options } = trigger;
    assert.deepEqual(options, {
      connection: "EventHubConnection",
      eventHubName: HUB,
      consumerGroup: "orders",
      cardinality: "many",
      dataType: "binary",
      retry: {
        strategy: "exponentialBackoff",
        maxRetryCount: -1,
        minimumInterval: { seconds: 1 },
        maximumInterval: { seconds: 5 },
      },
    });
  });
});

const [description] = describeApp().functions;
assert.ok(description);
const FUNCTION: RunnableFunction = { pipeline: orders, description, from: "earliest", onLoss: "stop", commitEvery: 0 };

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 8_000; !condition(); await sleep(10)) {
    assert.ok(Date.now() < end, "it did not happen within eight seconds");
  }
}

/** A trigger's batch of orders `from` ≤ n < `to`; the lines of their commits go to `log`. */
function batch(partition: string, from: number, to: number, log: CommitLine[] = []): [Buffer[], InvocationContext] {
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const enqueuedTimeUtc = new Date(Date.now() - 1_000).toISOString();
  const context = new InvocationContext({
    functionName: "orders",
    triggerMetadata: {
      partitionContext: { partitionId: partition, eventHubName: HUB, consumerGroup: "orders" },
      propertiesArray: numbers.map(() => ({})),
      systemPropertiesArray: numbers.map((n) => ({ sequenceNumber: n, partitionKey: null, enqueuedTimeUtc })),
    },
    logHandler: (level, ...parts) => {
      const line = level === "debug" ? parseCommitLine(parts.join(" ")) : undefined;
      if (line) log.push(line);
    },
  });
  return [numbers.map((n) => Buffer.from(JSON.stringify(order(partition, n)))), context];
}

/** Of the first windows of a shop, by a plain fold. */
function expectedRevenues(shop: string, windows: number): number[] {
  const result = new Array<number>(windows).fill(0);
  for (let n = 0; n < 300; n++) {
    const one = order("0", n);
    const window = Math.floor((one.at - START) / HOUR);
    if (one.shop === shop && window < windows) result[window] = (result[window] ?? 0) + one.amount;
  }
  return result;
}
