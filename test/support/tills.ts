import assert from "node:assert/strict";
import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { InvocationContext } from "@azure/functions";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { handle } from "../../lib/azure/handle.ts";
import { describeApp } from "../../lib/azure/registry.ts";
import { Runtime } from "../../lib/azure/runtime.ts";
import type { World } from "../../lib/engine/ports.ts";
import { startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { startHubServer } from "../../lib/local/hub/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";

/** Sales at the times 0, 1, 2 …, and how many there are in each window of five. */
const tills = stream("tills", z.object({ at: z.number() }))
  .eventTime((till) => till.at, { outOfOrder: 0 })
  .keyBy(() => "all")
  .window(tumbling(5))
  .aggregate("stats", { sales: count() })
  .map("document", ({ key, windowStart, sales }) => ({ id: windowStart, key, sales }))
  .to(cosmos({ databaseName: "test", containerName: "tills", partitionKey: "/key" }));

/** The local services, with so many sales in their hub, and an app that counts them in Cosmos DB. */
export async function startTills(published: number) {
  handle(tills, { eventHubName: "tills", partitions: 1 });
  const hub = await startHubServer({
    port: 0,
    hubs: [{ name: "tills", partitions: 1, consumerGroups: ["tills-repair"] }],
  });
  const database = await startCosmosServer({ port: 0 });
  database.ensureContainer("test", "tills", ["/key"]);
  const storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  const producer = new EventHubProducerClient(hub.connectionString, "tills");
  await producer.sendBatch(
    Array.from({ length: published }, (_, at) => ({ body: bodyOf(at) })),
    { partitionId: "0" },
  );
  await producer.close();
  const runtimes: Runtime[] = [];
  const settings = {
    EventHubConnection: hub.connectionString,
    CosmosConnection: database.connectionString,
    TidemarkStorage: storage.connectionString,
  };
  return {
    database,
    storage,
    settings,
    /** A process of the app. */
    start: (world: World, other: Readonly<Record<string, string>> = {}): Runtime => {
      const runtime = new Runtime({ ...settings, ...other }, world);
      runtimes.push(runtime);
      return runtime;
    },
    /** What Cosmos DB holds of all windows, in the order in which they were closed. */
    sales: async (): Promise<number[]> => {
      const client = new CosmosClient({ connectionString: database.connectionString });
      const { items } = client.database("test").container("tills");
      const { resources } = await items.query<{ sales: number }>("SELECT * FROM c").fetchAll();
      client.dispose();
      return resources.map((document) => document.sales);
    },
    stop: async (): Promise<void> => {
      await Promise.all(runtimes.map((one) => one.drain(1_000)));
      await Promise.all([hub.stop(), database.stop(), storage.stop()]);
    },
  };
}

/** Gives a process a batch of sales, as the trigger would: from one time up to another. */
export function sell(runtime: Runtime, from: number, to: number): Promise<void> {
  const [description] = describeApp().functions;
  assert.ok(description);
  const fn = { pipeline: tills, description, from: "earliest", onLoss: "stop", commitEvery: 0 } as const;
  const enqueuedTimeUtc = new Date().toISOString();
  const numbers = Array.from({ length: to - from }, (_, i) => from + i);
  const context = new InvocationContext({
    functionName: "tills",
    triggerMetadata: {
      partitionContext: { partitionId: "0", eventHubName: "tills", consumerGroup: "tills" },
      propertiesArray: numbers.map(() => ({})),
      systemPropertiesArray: numbers.map((sequenceNumber) => ({ sequenceNumber, partitionKey: null, enqueuedTimeUtc })),
    },
    logHandler: () => {},
  });
  return runtime.handle(fn, numbers.map(bodyOf), context);
}

function bodyOf(at: number): Buffer {
  return Buffer.from(JSON.stringify({ at }));
}
