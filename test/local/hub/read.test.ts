import assert from "node:assert/strict";
import { test } from "node:test";
import { earliestEventPosition, latestEventPosition } from "@azure/event-hubs";
import { numbered, numbers, receive, startTestHub } from "./support.ts";

/** A clock that the test moves, and a hub with ten events that are a second apart. */
async function tenSeconds(t: Parameters<typeof startTestHub>[0]) {
  const time = { now: 1_000_000_000_000 };
  const hub = await startTestHub(t, { clock: () => time.now });
  const producer = hub.producer();
  for (let n = 0; n < 10; n++) {
    await producer.sendBatch(numbered(1, n));
    time.now += 1000;
  }
  return { hub, producer, time };
}

test("readers begin where they ask to", async (t) => {
  const { hub } = await tenSeconds(t);
  const all = await receive(hub.consumer(), { count: 10, partition: "0", from: earliestEventPosition });
  const fourth = all[4];
  assert.ok(fourth);
  assert.equal(fourth.enqueuedTimeUtc.getTime(), 1_000_000_004_000);
  const positions = [
    { from: { offset: fourth.offset }, first: 5 },
    { from: { offset: fourth.offset, isInclusive: true }, first: 4 },
    { from: { sequenceNumber: 4 }, first: 5 },
    { from: { sequenceNumber: 4, isInclusive: true }, first: 4 },
    { from: { sequenceNumber: -1 }, first: 0 },
    { from: { offset: "-1" }, first: 0 },
    { from: { enqueuedOn: fourth.enqueuedTimeUtc }, first: 5 },
    { from: { enqueuedOn: new Date(fourth.enqueuedTimeUtc.getTime() - 1) }, first: 4 },
    { from: { enqueuedOn: new Date(0) }, first: 0 },
  ];
  for (const { from, first } of positions) {
    const events = await receive(hub.consumer(), { count: 10 - first, partition: "0", from });
    assert.deepEqual(numbers(events), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].slice(first), JSON.stringify(from));
  }
});

test("a reader at the end gets only what comes after", async (t) => {
  const { hub, producer } = await tenSeconds(t);
  for (const from of [latestEventPosition, { sequenceNumber: 9 }, { enqueuedOn: new Date(2_000_000_000_000) }]) {
    const next = hub.server.partitionInfo("events", 0).lastSequence + 1;
    const start = "sequenceNumber" in from ? { sequenceNumber: next - 1 } : from;
    const [event] = await receive(hub.consumer(), {
      count: 1,
      partition: "0",
      from: start,
      onReading: () => producer.sendBatch(numbered(1, next)),
    });
    assert.equal(event?.body.n, next, JSON.stringify(from));
  }
});

test("a position beyond the end is refused, because it belongs to another life of the hub", async (t) => {
  const { hub } = await tenSeconds(t);
  await assert.rejects(receive(hub.consumer(), { count: 1, partition: "0", from: { sequenceNumber: 488 } }), {
    code: "ArgumentError",
    message: /The supplied sequence number '488' is invalid. The last sequence number in the system is '9'/,
  });
  await assert.rejects(receive(hub.consumer(), { count: 1, partition: "0", from: { offset: "99999" } }), {
    code: "ArgumentError",
    message: /The supplied offset '99999' is invalid. The last offset in the system is '\d+'/,
  });
});

test("one subscription reads all partitions, each in its order", async (t) => {
  const hub = await startTestHub(t, { hubs: [{ name: "events", partitions: 7 }] });
  const producer = hub.producer();
  for (let i = 0; i < 21; i++) await producer.sendBatch(numbered(10, i * 10), { partitionId: String(i % 7) });
  const byPartition = new Map<string, number[]>();
  await receive(hub.consumer(), {
    count: 210,
    onBatch: (events, { partitionId }) => {
      byPartition.set(partitionId, [...(byPartition.get(partitionId) ?? []), ...numbers(events)]);
    },
  });
  assert.equal(byPartition.size, 7);
  for (const read of byPartition.values())
    assert.deepEqual(
      read,
      read.toSorted((a, b) => a - b),
    );
});

test("tens of thousands of events pass without a gap", async (t) => {
  const hub = await startTestHub(t);
  const producer = hub.producer();
  for (let n = 0; n < 20_000; n += 1000) await producer.sendBatch(numbered(1000, n));
  const options = { prefetchCount: 5000, maxBatchSize: 1000 };
  const events = await receive(hub.consumer(), { count: 20_000, partition: "0", options });
  events.forEach((event, i) => {
    assert.equal(event.sequenceNumber, i);
    assert.equal(event.body.n, i);
  });
});

test("events tell of the partition's last one when asked to", async (t) => {
  const { hub, time } = await tenSeconds(t);
  let seen: unknown;
  await receive(hub.consumer(), {
    count: 10,
    partition: "0",
    options: { trackLastEnqueuedEventProperties: true },
    onBatch: (_, context) => {
      seen = { ...context.lastEnqueuedEventProperties };
    },
  });
  const { lastOffset } = hub.server.partitionInfo("events", 0);
  assert.deepEqual(seen, {
    sequenceNumber: 9,
    offset: lastOffset,
    enqueuedOn: new Date(1_000_000_009_000),
    retrievedOn: new Date(time.now),
  });
});

test("consumer groups read independently, whatever the case of their names", async (t) => {
  const hub = await startTestHub(t, { hubs: [{ name: "Events", partitions: 1, consumerGroups: ["Delays"] }] });
  await hub.producer().sendBatch(numbered(2));
  hub.server.declare({ name: "EVENTS", partitions: 1, consumerGroups: ["later"] });
  for (const group of ["$default", "$Default", "delays", "DELAYS", "Later"]) {
    assert.deepEqual(numbers(await receive(hub.consumer(group), { count: 2, partition: "0" })), [0, 1], group);
  }
});

test("a reader that asks for what retention has deleted begins with what is left", async (t) => {
  const time = { now: 1_000_000_000_000 };
  const declared = { name: "events", partitions: 1, retention: { hours: 8 } };
  const hub = await startTestHub(t, { hubs: [declared], clock: () => time.now });
  const producer = hub.producer();
  for (let n = 0; n < 12; n++) {
    await producer.sendBatch(numbered(1, n));
    time.now += 3_600_000;
  }
  const { beginSequence } = hub.server.partitionInfo("events", 0);
  assert.ok(beginSequence >= 3 && beginSequence <= 4, `begins with ${beginSequence}`);
  for (const from of [earliestEventPosition, { sequenceNumber: 0 }, { offset: "5" }, { enqueuedOn: new Date(1) }]) {
    const [first] = await receive(hub.consumer(), { count: 12 - beginSequence, partition: "0", from });
    assert.equal(first?.sequenceNumber, beginSequence, JSON.stringify(from));
  }
  const properties = await producer.getPartitionProperties("0");
  assert.equal(properties.beginningSequenceNumber, beginSequence);
});
