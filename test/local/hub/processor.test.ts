import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { ContainerClient } from "@azure/storage-blob";
import { numbered, startTestHub, type TestHub, until } from "./support.ts";

const account = "devstoreaccount1";
const key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** Azurite in this process, on a free port. */
async function startBlobs(t: TestContext): Promise<ContainerClient> {
  const require = createRequire(import.meta.url);
  const { default: Configuration } = require("azurite/dist/src/blob/BlobConfiguration");
  const { default: BlobServer } = require("azurite/dist/src/blob/BlobServer");
  const folder = mkdtempSync(join(tmpdir(), "hub-processor-"));
  const file = (name: string) => join(folder, name);
  const persistence = [{ locationId: "Default", locationPath: file("blobs"), maxConcurrency: 10 }];
  const server = new BlobServer(
    new Configuration("127.0.0.1", 0, 5, file("db.json"), file("extents.json"), persistence, false, undefined, false),
  );
  await server.start();
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const endpoint = `${server.getHttpServerAddress()}/${account}`;
  const connection = `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};BlobEndpoint=${endpoint};`;
  const container = new ContainerClient(connection, "checkpoints");
  await container.create();
  return container;
}

interface Processor {
  readonly owned: Set<string>;
  readonly errors: Error[];
  stop(): Promise<void>;
}

function startProcessor(hub: TestHub, container: ContainerClient, seen: Map<number, number>): Processor {
  const consumer = new EventHubConsumerClient(
    "$Default",
    hub.server.connectionString,
    "events",
    new BlobCheckpointStore(container),
    {
      loadBalancingOptions: {
        strategy: "greedy",
        updateIntervalInMs: 200,
        partitionOwnershipExpirationIntervalInMs: 5000,
      },
    },
  );
  const owned = new Set<string>();
  const errors: Error[] = [];
  const subscription = consumer.subscribe(
    {
      processInitialize: async ({ partitionId }) => void owned.add(partitionId),
      processClose: async (_, { partitionId }) => void owned.delete(partitionId),
      processEvents: async (events, context) => {
        for (const { body } of events) seen.set(body.n, (seen.get(body.n) ?? 0) + 1);
        const last = events.at(-1);
        if (last !== undefined) await context.updateCheckpoint(last);
      },
      processError: async (error) => void errors.push(error),
    },
    { startPosition: { offset: "-1" }, maxWaitTimeInSeconds: 0.2, maxBatchSize: 100 },
  );
  const stop = async () => {
    await subscription.close();
    await consumer.close();
  };
  return { owned, errors, stop };
}

test("processors share the partitions, and a later one goes on from their checkpoints", async (t) => {
  const container = await startBlobs(t);
  const hub = await startTestHub(t, { hubs: [{ name: "events", partitions: 4 }] });
  const producer = hub.producer();
  const publish = async (from: number) => {
    for (let p = 0; p < 4; p++) await producer.sendBatch(numbered(25, from + p * 25), { partitionId: String(p) });
  };
  await publish(0);
  const seen = new Map<number, number>();
  const first = startProcessor(hub, container, seen);
  await until(() => first.owned.size === 4 && seen.size === 100);
  const second = startProcessor(hub, container, seen);
  await until(() => first.owned.size === 2 && second.owned.size === 2);
  await publish(100);
  await until(() => seen.size === 200);
  await Promise.all([first.stop(), second.stop()]);

  await publish(200);
  const later = new Map<number, number>();
  const third = startProcessor(hub, container, later);
  await until(() => third.owned.size === 4 && [...later.keys()].filter((n) => n >= 200).length === 100);
  await third.stop();
  // A new owner may see again what was in flight when a partition changed hands, but nothing older.
  assert.deepEqual(
    [...later.keys()].filter((n) => n < 200),
    [],
  );
  assert.deepEqual(third.errors, []);
});
