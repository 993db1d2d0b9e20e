import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { BlobCheckpointStore } from "@azure/eventhubs-checkpointstore-blob";
import { ContainerClient } from "@azure/storage-blob";
import { startStorage } from "../../../lib/local/storage/index.ts";
import { numbered, startTestHub, type TestHub, until } from "./support.ts";

async function startBlobs(t: TestContext): Promise<ContainerClient> {
  const storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  t.after(() => storage.stop());
  const container = new ContainerClient(storage.connectionString, "checkpoints");
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
