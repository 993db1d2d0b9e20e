import assert from "node:assert/strict";
import { test } from "node:test";
import { EventHubConsumerClient, EventHubProducerClient } from "@azure/event-hubs";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { numbered, receive, startTestHub } from "./support.ts";

// With the SDK's own patience: each of these would hang for minutes if it were taken for something that may pass.

test("an unknown hub is not found, whatever is asked of it", async (t) => {
  const hub = await startTestHub(t);
  const unknown = {
    code: "MessagingEntityNotFoundError",
    message: /The messaging entity 'sb:\/\/.*' could not be found/,
  };
  const producer = hub.producer("nowhere", {});
  await assert.rejects(producer.sendBatch(numbered(1)), unknown);
  await assert.rejects(producer.getEventHubProperties(), unknown);
  await assert.rejects(producer.getPartitionProperties("0"), unknown);
  await assert.rejects(receive(hub.consumer("$Default", "nowhere", {}), { count: 1, partition: "0" }), unknown);
  await assert.rejects(receive(hub.consumer("$Default", "nowhere", {}), { count: 1 }), unknown);
});

test("an unknown consumer group is not found", async (t) => {
  const hub = await startTestHub(t);
  const consumer = hub.consumer("nobody", "events", {});
  await assert.rejects(receive(consumer, { count: 1, partition: "0" }), { code: "MessagingEntityNotFoundError" });
});

test("an unknown partition is out of range", async (t) => {
  const hub = await startTestHub(t, { hubs: [{ name: "events", partitions: 3 }] });
  const producer = hub.producer("events", {});
  const consumer = hub.consumer("$Default", "events", {});
  const outOfRange = { code: "ArgumentOutOfRangeError", message: /It should be between 0 and 2/ };
  await assert.rejects(producer.sendBatch(numbered(1), { partitionId: "3" }), outOfRange);
  await assert.rejects(producer.sendBatch(numbered(1), { partitionId: "one" }), outOfRange);
  await assert.rejects(producer.getPartitionProperties("3"), outOfRange);
  await assert.rejects(receive(consumer, { count: 1, partition: "3" }), outOfRange);
});

test("a wrong key or key name is refused at once, with the reason", async (t) => {
  const { server } = await startTestHub(t);
  const attempts = [
    { connection: server.connectionString.replace("SAS_KEY_VALUE", "WRONG"), reason: /has an invalid signature/ },
    { connection: server.connectionString.replace("RootManage", "Other"), reason: /There is no key named "Other/ },
  ];
  for (const { connection, reason } of attempts) {
    const producer = new EventHubProducerClient(connection, "events");
    const consumer = new EventHubConsumerClient("$Default", connection, "events");
    await assert.rejects(producer.sendBatch(numbered(1)), reason);
    await assert.rejects(producer.getEventHubProperties(), reason);
    await assert.rejects(receive(consumer, { count: 1, partition: "0" }), reason);
    await Promise.all([producer.close(), consumer.close()]);
  }
  assert.equal(server.partitionInfo("events", 0).lastSequence, -1);
});

test("what the service would not create is refused", async (t) => {
  const { server } = await startTestHub(t);
  const invalid = [
    { name: "", partitions: 1 },
    { name: "../up", partitions: 1 },
    { name: "events", partitions: 0 },
    { name: "events", partitions: 1.5 },
    { name: "events", partitions: 1, consumerGroups: ["a/b"] },
    { name: "events", partitions: 1, retention: { hours: 0 } },
  ];
  for (const hub of invalid) assert.throws(() => server.declare(hub), { code: "CONFIGURATION" }, JSON.stringify(hub));
  assert.throws(() => server.partitionInfo("events", 1), { code: "NOT_FOUND" });
});

test("a taken port is named", async (t) => {
  const { server } = await startTestHub(t);
  await assert.rejects(startHubServer({ hubs: [], port: server.port }), {
    code: "PORT_TAKEN",
    message: new RegExp(`Port ${server.port} is taken`),
  });
});
