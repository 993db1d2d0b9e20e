import assert from "node:assert/strict";
import { test } from "node:test";
import { EventHubBufferedProducerClient, type ReceivedEventData } from "@azure/event-hubs";
import { partitionForKey } from "../../../lib/local/hub/index.ts";
import { impatient, numbered, numbers, receive, startTestHub } from "./support.ts";

const four = { hubs: [{ name: "events", partitions: 4 }] };

function lastSequences(server: Awaited<ReturnType<typeof startTestHub>>["server"]): number[] {
  return [0, 1, 2, 3].map((partition) => server.partitionInfo("events", partition).lastSequence);
}

test("a batch arrives whole and in order", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer();
  const batch = await producer.createBatch();
  for (const event of numbered(100)) assert.ok(batch.tryAdd(event));
  await producer.sendBatch(batch);
  const events = await receive(hub.consumer(), { count: 100, partition: "0" });
  assert.deepEqual(numbers(events), numbers(numbered(100) as unknown as ReceivedEventData[]));
  assert.deepEqual(
    events.map((event) => event.sequenceNumber),
    events.map((_, i) => i),
  );
});

test("a partition id goes to that partition, a key to the partition of its hash", async (t) => {
  const hub = await startTestHub(t, four);
  const producer = hub.producer();
  await producer.sendBatch(numbered(3), { partitionId: "2" });
  assert.deepEqual(lastSequences(hub.server), [-1, -1, 2, -1]);
  for (const key of ["ORD", "LGA", "SFO", "ANC", "ÅÄÖ"]) {
    const partition = partitionForKey(key, 4);
    const before = lastSequences(hub.server)[partition] as number;
    await producer.sendBatch(numbered(1), { partitionKey: key });
    assert.equal(lastSequences(hub.server)[partition], before + 1, key);
  }
});

test("batches without key or partition take turns", async (t) => {
  const hub = await startTestHub(t, four);
  const producer = hub.producer();
  for (let i = 0; i < 8; i++) await producer.sendBatch(numbered(1));
  assert.deepEqual(lastSequences(hub.server), [1, 1, 1, 1]);
});

test("a buffered producer's keys land where the server would put them", async (t) => {
  const hub = await startTestHub(t, four);
  const failures: unknown[] = [];
  const producer = new EventHubBufferedProducerClient(hub.server.connectionString, "events", {
    // Its timer for an attempt outlives the attempt and keeps the process waiting.
    retryOptions: { ...impatient, timeoutInMs: 3000 },
    maxWaitTimeInMs: 20,
    onSendEventsErrorHandler: async ({ error }) => void failures.push(error),
  });
  const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
  for (const key of keys) await producer.enqueueEvent({ body: { key } }, { partitionKey: key });
  await producer.close({ flush: true });
  assert.deepEqual(failures, []);
  const placed = new Map<string, string>();
  await receive(hub.consumer(), {
    count: 40,
    onBatch: (events, { partitionId }) => {
      for (const event of events) placed.set(event.body.key, partitionId);
    },
  });
  for (const key of keys) assert.equal(placed.get(key), String(partitionForKey(key, 4)), key);
});

test("what a publisher says of an event comes out again", async (t) => {
  const hub = await startTestHub(t);
  const before = Date.now();
  const event = {
    body: { airport: "ORD" },
    contentType: "application/json",
    messageId: "m-1",
    correlationId: "c-1",
    properties: { text: "ü", whole: 42, part: 1.5, yes: true, long: "x".repeat(300) },
  };
  await hub.producer().sendBatch([event], { partitionKey: "ORD" });
  const [received] = await receive(hub.consumer(), { count: 1, partition: "0" });
  assert.ok(received);
  const { body, contentType, messageId, correlationId, properties } = received;
  assert.deepEqual({ body, contentType, messageId, correlationId, properties }, event);
  assert.equal(received.partitionKey, "ORD");
  assert.equal(received.sequenceNumber, 0);
  assert.equal(received.offset, "0");
  assert.ok(received.enqueuedTimeUtc.getTime() >= before && received.enqueuedTimeUtc.getTime() <= Date.now());
});

test("bodies of every kind pass through unchanged", async (t) => {
  const hub = await startTestHub(t);
  const bytes = Buffer.from([0, 1, 2, 254, 255]);
  const annotated = [
    { body: bytes, bodyType: "data" as const },
    { body: { a: [1, "two"], b: null }, bodyType: "value" as const },
    { body: "plain", bodyType: "value" as const },
    { body: [1, "two", true], bodyType: "sequence" as const },
  ];
  const producer = hub.producer();
  for (const message of annotated) await producer.sendBatch([message]);
  await producer.sendBatch([{ body: null }, { body: "text" }, { body: [1, 2] }]);
  const received = await receive(hub.consumer(), { count: 7, partition: "0" });
  const seen = received.map((event) => ({ body: event.body, bodyType: event.getRawAmqpMessage().bodyType }));
  assert.deepEqual(seen.slice(0, 4), annotated);
  assert.deepEqual(
    seen.slice(4).map(({ body }) => body),
    [null, "text", [1, 2]],
  );
});

test("annotations of an event's earlier life give way to those of this one", async (t) => {
  const hub = await startTestHub(t);
  await hub.producer().sendBatch([
    {
      body: Buffer.from("{}"),
      bodyType: "data",
      messageAnnotations: { "x-opt-sequence-number": 99, "x-opt-offset": "4711", "x-opt-custom": "kept" },
    },
  ]);
  const [event] = await receive(hub.consumer(), { count: 1, partition: "0" });
  assert.equal(event?.sequenceNumber, 0);
  assert.equal(event?.offset, "0");
  assert.deepEqual(event?.systemProperties?.["x-opt-custom"], "kept");
  assert.equal(Object.keys(event?.getRawAmqpMessage().messageAnnotations ?? {}).length, 4);
});

test("a message near the limit takes many frames in and out", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer();
  const body = Buffer.alloc(1_000_000, "abcdefghij");
  await producer.sendBatch([{ body }]);
  await producer.sendBatch(numbered(1));
  const [big, small] = await receive(hub.consumer(), { count: 2, partition: "0" });
  assert.ok(body.equals(big?.body));
  assert.equal(small?.body.n, 0);
});

test("clients learn the size limit, and what exceeds it is refused as the service does", async (t) => {
  const hub = await startTestHub(t, { maxMessageBytes: 100_000 });
  const producer = hub.producer();
  const batch = await producer.createBatch();
  assert.equal(batch.maxSizeInBytes, 100_000);
  assert.equal(batch.tryAdd({ body: Buffer.alloc(100_001) }), false);
  await assert.rejects(producer.sendBatch([{ body: Buffer.alloc(100_001) }]), {
    code: "MessageTooLargeError",
    message: /size:\d+ bytes\) exceeds the limit \(100000 bytes\) currently allowed on the link/,
  });
  await producer.sendBatch(numbered(1));
  assert.equal(hub.server.partitionInfo("events", 0).lastSequence, 0);
});
