import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { EventHubProducerClient } from "@azure/event-hubs";
import { InvocationContext } from "@azure/functions";
import { z } from "zod";
import { count } from "../../lib/aggregates/index.ts";
import { handle } from "../../lib/azure/handle.ts";
import { describeApp } from "../../lib/azure/registry.ts";
import { Runtime } from "../../lib/azure/runtime.ts";
import { realWorld } from "../../lib/azure/world.ts";
import type { World } from "../../lib/engine/ports.ts";
import { type CosmosServer, startCosmosServer } from "../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { startStorage } from "../../lib/local/storage/index.ts";
import { cosmos } from "../../lib/sinks/index.ts";
import { stream } from "../../lib/stream/stream.ts";
import { tumbling } from "../../lib/stream/window.ts";

const EVENTS = 10;

const tills = stream("tills", z.object({ at: z.number() }))
  .eventTime((till) => till.at, { outOfOrder: 0 })
  .keyBy(() => "all")
  .window(tumbling(5))
  .aggregate("stats", { sales: count() })
  .map("document", ({ key, windowStart, sales }) => ({ id: windowStart, key, sales }))
  .to(cosmos({ databaseName: "test", containerName: "tills", partitionKey: "/key" }));

handle(tills, { eventHubName: "tills", partitions: 1 });

/** Time that a sleep lets pass at once. */
function hastyClock(): World {
  let ahead = 0;
  return {
    ...realWorld,
    now: () => Date.now() + ahead,
    sleep: async (milliseconds, signal) => {
      await realWorld.sleep(Math.min(milliseconds, 2), signal);
      ahead += milliseconds;
    },
  };
}

describe("credentials that are not right any more", () => {
  let hub: HubServer;
  let database: CosmosServer;
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let right: Record<string, string>;
  let refusing = false;
  const runtimes: Runtime[] = [];

  before(async () => {
    hub = await startHubServer({ port: 0, hubs: [{ name: "tills", partitions: 1, consumerGroups: ["tills-repair"] }] });
    database = await startCosmosServer({ port: 0 });
    database.ensureContainer("test", "tills", ["/key"]);
    database.inject({ status: 401, times: 1_000_000, match: ({ path }) => refusing && path.includes("/docs") });
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    right = {
      EventHubConnection: hub.connectionString,
      CosmosConnection: database.connectionString,
      TidemarkStorage: storage.connectionString,
    };
    const producer = new EventHubProducerClient(hub.connectionString, "tills");
    const bodies = Array.from({ length: EVENTS }, (_, at) => ({ body: Buffer.from(JSON.stringify({ at })) }));
    await producer.sendBatch(bodies, { partitionId: "0" });
    await producer.close();
  });
  after(async () => {
    await Promise.all(runtimes.map((one) => one.drain(1_000)));
    await Promise.all([hub?.stop(), database?.stop(), storage?.stop()]);
  });

  function start(settings: Record<string, string> = {}): Runtime {
    const one = new Runtime({ ...right, ...settings }, hastyClock());
    runtimes.push(one);
    return one;
  }

  const otherKey = (connection: string) =>
    connection.replace(/(Key=)[^;]+/, `$1${Buffer.from("another key").toString("base64")}`);

  it("of the hub are named, and what to check", async () => {
    const one = start({ EventHubConnection: otherKey(right.EventHubConnection as string) });
    await assert.rejects(handleBatch(one), {
      code: "CONFIGURATION",
      message: /Hub "tills" refuses the app.*Check the key of the connection string, or the roles/,
    });
  });

  it("of the storage account are named, and what to check", async () => {
    const one = start({ TidemarkStorage: otherKey(right.TidemarkStorage as string) });
    await assert.rejects(handleBatch(one), {
      message: /Blob storage refused .*(.|\n)*Check the key of the connection string, or that the app's identity/,
    });
  });

  it("of a sink are named within half a minute; nothing is lost, and the same process goes on when they are right", async () => {
    const one = start();
    refusing = true;
    for (let i = 0; i < 2; i++) {
      await assert.rejects(handleBatch(one), {
        code: "UNAVAILABLE",
        retryable: true,
        message: /Cosmos DB \(test\/tills\) .* It refuses the app: check the key(.|\n)*delivered as soon as/,
      });
    }
    refusing = false;
    await handleBatch(one);
    const { CosmosClient } = await import("@azure/cosmos");
    const client = new CosmosClient({ connectionString: database.connectionString });
    const { resources } = await client
      .database("test")
      .container("tills")
      .items.readAll<{ sales: number }>()
      .fetchAll();
    client.dispose();
    assert.deepEqual(
      resources.map(({ sales }) => sales),
      [5],
    );
  });
});

function handleBatch(runtime: Runtime): Promise<void> {
  const [description] = describeApp().functions;
  assert.ok(description);
  const fn = { pipeline: tills, description, from: "earliest", onLoss: "stop", commitEvery: 0 } as const;
  const enqueuedTimeUtc = new Date().toISOString();
  const numbers = Array.from({ length: EVENTS }, (_, n) => n);
  const context = new InvocationContext({
    functionName: "tills",
    triggerMetadata: {
      partitionContext: { partitionId: "0", eventHubName: "tills", consumerGroup: "tills" },
      propertiesArray: numbers.map(() => ({})),
      systemPropertiesArray: numbers.map((sequenceNumber) => ({ sequenceNumber, partitionKey: null, enqueuedTimeUtc })),
    },
    logHandler: () => {},
  });
  return runtime.handle(
    fn,
    numbers.map((at) => Buffer.from(JSON.stringify({ at }))),
    context,
  );
}
