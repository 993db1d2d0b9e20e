import assert from "node:assert/strict";
import { test } from "node:test";
import { EventHubConsumerClient, EventHubProducerClient } from "@azure/event-hubs";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { numbered, numbers, receive, startTestHub, until } from "./support.ts";

/** A send whose connection breaks waits for its time-out before it is tried again. */
const retrying = { retryOptions: { maxRetries: 5, retryDelayInMs: 20, timeoutInMs: 1000 } };

test("a refused batch is not stored and its sender is told", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer();
  const attempts: unknown[] = [];
  hub.server.faults.publish = (attempt) => {
    attempts.push(attempt);
    return { reject: { condition: "amqp:resource-limit-exceeded", description: "The quota is used up." } };
  };
  await assert.rejects(producer.sendBatch(numbered(3)), {
    code: "QuotaExceededError",
    message: "The quota is used up.",
  });
  assert.deepEqual(attempts, [{ hub: "events", partition: 0, events: 3 }]);
  hub.server.faults.publish = undefined;
  await producer.sendBatch(numbered(1));
  assert.equal(hub.server.partitionInfo("events", 0).lastSequence, 0);
});

test("a delayed batch holds back what follows it on its link, in order", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer();
  await producer.sendBatch(numbered(1, -1));
  await producer.getEventHubProperties();
  const { promise: delay, resolve: release } = Promise.withResolvers<void>();
  let attempts = 0;
  hub.server.faults.publish = () => (attempts++ === 0 ? { delay } : undefined);
  const done: number[] = [];
  const sends = [0, 1, 2].map((n) => producer.sendBatch(numbered(1, n)).then(() => done.push(n)));
  await until(() => attempts === 1);
  // The links are open, so by the time this is answered the server has seen all three.
  await producer.getEventHubProperties();
  await producer.getEventHubProperties();
  assert.equal(hub.server.partitionInfo("events", 0).lastSequence, 0);
  assert.deepEqual(done, []);
  release();
  await Promise.all(sends);
  assert.deepEqual(numbers(await receive(hub.consumer(), { count: 4, partition: "0" })), [-1, 0, 1, 2]);
});

test("a connection that breaks before or after storing makes the SDK send again", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer("events", retrying);
  const faults = [{ disconnect: "before" as const }, { disconnect: "after" as const }];
  hub.server.faults.publish = () => faults.shift();
  await producer.sendBatch(numbered(2));
  // Once lost, once stored without the acknowledgement, once stored.
  assert.deepEqual(numbers(await receive(hub.consumer(), { count: 4, partition: "0" })), [0, 1, 0, 1]);
});

test("a server that stops under its clients stops at once, and they go on with the next one", async (t) => {
  const hubs = [{ name: "events", partitions: 1 }];
  const first = await startHubServer({ hubs, port: 0 });
  const { port } = first;
  const producer = new EventHubProducerClient(first.connectionString, "events", retrying);
  const consumer = new EventHubConsumerClient("$Default", first.connectionString, "events", retrying);
  t.after(() => Promise.all([producer.close(), consumer.close()]));
  await producer.sendBatch(numbered(1));
  const seen: number[] = [];
  const subscription = consumer.subscribe(
    "0",
    {
      processEvents: async (events) => void seen.push(...numbers(events)),
      processError: async () => undefined,
    },
    { startPosition: { offset: "-1" }, maxWaitTimeInSeconds: 0.2 },
  );
  await until(() => seen.length === 1);
  await Promise.all([first.stop(), first.stop()]);
  const second = await startHubServer({ hubs, port });
  // Connecting while nobody listens is an error that the SDK does not retry.
  while (
    !(await producer.sendBatch(numbered(2, 7)).then(
      () => true,
      () => false,
    ))
  );
  assert.equal(second.partitionInfo("events", 0).lastSequence, 1);
  await subscription.close();
  await Promise.all([producer.close(), consumer.close()]);
  await second.stop();
});
