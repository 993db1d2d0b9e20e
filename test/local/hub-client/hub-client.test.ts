import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { AmqpAnnotatedMessage } from "@azure/core-amqp";
import type { EventData, ReceivedEventData } from "@azure/event-hubs";
import fc from "fast-check";
import rhea from "rhea";
import { TidemarkError } from "../../../lib/errors.ts";
import { Prefetch } from "../../../lib/local/host/event-hubs/prefetch.ts";
import { type ReceivedEvent, readEvent } from "../../../lib/local/host/event-hubs/received-event.ts";
import { startHubServer } from "../../../lib/local/hub/index.ts";
import { BatchEncoder, type OutgoingEvent } from "../../../lib/local/hub-client/batch-encoding.ts";
import { BulkSender } from "../../../lib/local/hub-client/bulk-sender.ts";
import { HubConnection, type HubReceiver } from "../../../lib/local/hub-client/hub-connection.ts";
import { HubTrouble } from "../../../lib/local/hub-client/trouble.ts";
import { receive, startTestHub } from "../hub/support.ts";

const PARTITION = "events/ConsumerGroups/$Default/Partitions/0";
const EARLIEST = "amqp.annotation.x-opt-offset > '-1'";

/** A connection that ends with the test. */
async function connect(t: TestContext, connectionString: string): Promise<HubConnection> {
  const connection = await HubConnection.open(connectionString);
  t.after(() => connection.close());
  return connection;
}

interface Open {
  readonly receiver: HubReceiver;
  readonly events: ReceivedEvent[];
  until(count: number): Promise<ReceivedEvent[]>;
}

async function open(connection: HubConnection, filter = EARLIEST, name = "test"): Promise<Open> {
  const events: ReceivedEvent[] = [];
  let wake = () => {};
  const receiver = await connection.openReceiver({
    address: PARTITION,
    filter,
    name,
    onMessage: (message) => {
      events.push(readEvent(message));
      wake();
    },
  });
  const until = async (count: number) => {
    while (events.length < count) {
      const more = Promise.withResolvers<void>();
      wake = more.resolve;
      await more.promise;
    }
    return events;
  };
  return { receiver, events, until };
}

/** What both clients say of an event, in one form. */
function facts(event: ReceivedEvent | ReceivedEventData): object {
  const own = "bodySection" in event;
  const system = Object.entries(event.systemProperties ?? {}).map(([name, value]) => [
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    value,
  ]);
  return {
    sequenceNumber: event.sequenceNumber,
    offset: event.offset,
    time: own ? event.enqueuedTime : event.enqueuedTimeUtc.getTime(),
    key: event.partitionKey ?? undefined,
    properties: event.properties ?? {},
    system: Object.fromEntries(system),
    body: Buffer.from(event.body as Uint8Array).toString("hex"),
  };
}

test("every event reads as the SDK reads it", async (t) => {
  const hub = await startTestHub(t);
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.date({ noInvalidDate: true }),
  );
  const name = fc.stringMatching(/^[a-z][a-z-]{0,300}$/);
  const plain: fc.Arbitrary<EventData> = fc.record(
    {
      body: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
      properties: fc.dictionary(name, value, { maxKeys: 4, noNullPrototype: true }),
      contentType: fc.string(),
      messageId: fc.stringMatching(/^.{1,100}$/),
      correlationId: fc.stringMatching(/^.{1,100}$/),
    },
    { requiredKeys: ["body"] },
  );
  const annotated: fc.Arbitrary<AmqpAnnotatedMessage> = fc.record({
    body: fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    bodyType: fc.constant("data" as const),
    messageAnnotations: fc.dictionary(name, fc.string(), { maxKeys: 2, noNullPrototype: true }),
    properties: fc.record({ subject: fc.string(), groupId: fc.string(), creationTime: fc.nat() }, { requiredKeys: [] }),
    header: fc.constant({ durable: true }),
  });
  const events = fc.sample(fc.oneof(plain, annotated), { numRuns: 300, seed: 5 });
  const producer = hub.producer();
  for (const [i, event] of events.entries()) {
    await producer.sendBatch([event], i % 3 === 0 ? { partitionKey: `key ${i % 7}` } : {});
  }
  const bySdk = await receive(hub.consumer(), { count: events.length, options: { skipParsingBodyAsJson: true } });
  const { receiver, until } = await open(await connect(t, hub.server.connectionString));
  receiver.addCredit(events.length);
  const ours = await until(events.length);
  assert.deepEqual(ours.map(facts), bySdk.map(facts));
});

test("bodies that are no data are told apart", async (t) => {
  const hub = await startTestHub(t);
  const bodies: AmqpAnnotatedMessage[] = [
    { body: "text", bodyType: "value" },
    { body: [1, 2], bodyType: "sequence" },
    { body: Buffer.from("bytes"), bodyType: "data" },
  ];
  await hub.producer().sendBatch(bodies);
  const { receiver, until } = await open(await connect(t, hub.server.connectionString));
  receiver.addCredit(10);
  const sections = (await until(3)).map(({ bodySection }) => bodySection);
  assert.deepEqual(sections, ["value", "sequence", "data"]);
});

test("events of several frames come in their place among small ones, and credit bounds what comes", async (t) => {
  const hub = await startTestHub(t);
  const sizes = [10, 200_000, 20, 70_000, 30, 40];
  const producer = hub.producer();
  for (const size of sizes) await producer.sendBatch([{ body: Buffer.alloc(size, 7) }]);
  const { receiver, events, until } = await open(await connect(t, hub.server.connectionString));
  receiver.addCredit(3);
  await until(3);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(events.length, 3);
  receiver.addCredit(1);
  await until(4);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(events.length, 4);
  receiver.addCredit(10);
  assert.deepEqual(
    (await until(6)).map(({ body }) => body.length),
    sizes,
  );
});

test("more events than a session's window go through", async (t) => {
  const hub = await startTestHub(t);
  const sender = new BulkSender(hub.server.connectionString, "events");
  t.after(() => sender.close());
  await sender.send(
    "0",
    Array.from({ length: 10_000 }, (_, i) => ({ body: Buffer.from(String(i)) })),
  );
  const { receiver, until } = await open(await connect(t, hub.server.connectionString));
  receiver.addCredit(10_000);
  const events = await until(10_000);
  assert.deepEqual(
    events.map(({ body }) => Number(body.toString())),
    Array.from({ length: 10_000 }, (_, i) => i),
  );
});

test("a receiver that another of the same epoch replaces hears that it was stolen", async (t) => {
  const hub = await startTestHub(t);
  const connection = await connect(t, hub.server.connectionString);
  const first = await open(connection);
  await open(connection, EARLIEST, "other");
  assert.equal((await first.receiver.ended).condition, "amqp:link:stolen");
});

test("refusals name their condition", async (t) => {
  const hub = await startTestHub(t);
  const connection = await connect(t, hub.server.connectionString);
  const isNotFound = (error: unknown) => error instanceof HubTrouble && error.condition === "amqp:not-found";
  await assert.rejects(connection.openSender("nowhere/Partitions/0"), isNotFound);
  const address = "events/ConsumerGroups/nobody/Partitions/0";
  const options = { address, filter: EARLIEST, name: "test", onMessage: () => {} };
  await assert.rejects(connection.openReceiver(options), isNotFound);
  const wrongKey = hub.server.connectionString.replace(/SharedAccessKey=[^;]+/, "SharedAccessKey=wrong");
  const stranger = await connect(t, wrongKey);
  await assert.rejects(stranger.openSender("events/Partitions/0"), /InvalidSignature/);
});

test("nobody there is said at once, and a hub that goes ends what is open", async (t) => {
  const server = await startHubServer({ hubs: [{ name: "events", partitions: 1 }], port: 0 });
  const { receiver } = await open(await connect(t, server.connectionString));
  await server.stop();
  assert.ok((await receiver.ended) instanceof HubTrouble);
  await assert.rejects(HubConnection.open(server.connectionString), HubTrouble);
});

test("what is sent in bulk is what the SDK would have sent", async (t) => {
  const hub = await startTestHub(t);
  const event = fc.record(
    {
      body: fc.uint8Array({ maxLength: 600 }),
      partitionKey: fc.string({ minLength: 1, maxLength: 300 }),
      properties: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.string({ maxLength: 300 }), {
        minKeys: 1,
        maxKeys: 3,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ["body"] },
  );
  const long = { body: Buffer.alloc(0), partitionKey: "k".repeat(128), properties: { long: "ö".repeat(200) } };
  const events = [long, ...fc.sample(event, { numRuns: 500, seed: 3 })] as OutgoingEvent[];
  const sender = new BulkSender(hub.server.connectionString, "events");
  t.after(() => sender.close());
  await sender.send("0", events);
  const received = await receive(hub.consumer(), { count: events.length, options: { skipParsingBodyAsJson: true } });
  const plain = (one: OutgoingEvent | ReceivedEventData) => ({
    body: Buffer.from(one.body as Uint8Array).toString("hex"),
    key: one.partitionKey ?? undefined,
    properties: one.properties ?? {},
  });
  assert.deepEqual(received.map(plain), events.map(plain));
});

test("batches stay within the limit, keep the order, and an event beyond it is refused", () => {
  const encoder = new BatchEncoder(1000);
  const batches = [
    ...encoder.encode(Array.from({ length: 40 }, () => ({ body: Buffer.alloc(100), partitionKey: "k" }))),
  ];
  assert.ok(batches.length > 4);
  for (const batch of batches) assert.ok(batch.length <= 1000);
  const isTooLarge = (error: unknown) => error instanceof TidemarkError && error.code === "LIMIT_EXCEEDED";
  assert.throws(() => [...encoder.encode([{ body: Buffer.alloc(990) }])], isTooLarge);
});

test("a sender goes on after the connection broke under it", async (t) => {
  let broken = 0;
  const hub = await startTestHub(t);
  hub.server.faults.publish = () => (broken++ === 0 ? { disconnect: "before" } : undefined);
  const sender = new BulkSender(hub.server.connectionString, "events");
  t.after(() => sender.close());
  await sender.send("0", [{ body: Buffer.from("a") }, { body: Buffer.from("b") }]);
  assert.equal(broken, 2);
  const received = await receive(hub.consumer(), { count: 2, options: { skipParsingBodyAsJson: true } });
  assert.deepEqual(
    received.map(({ body }) => String(body)),
    ["a", "b"],
  );
});

test("a batch is handed out when it is full, or when it waited", async (t) => {
  const hub = await startTestHub(t);
  const sender = new BulkSender(hub.server.connectionString, "events");
  t.after(() => sender.close());
  await sender.send(
    "0",
    Array.from({ length: 250 }, (_, i) => ({ body: Buffer.from(String(i)) })),
  );
  const prefetch = new Prefetch({ maxBatchSize: 100, prefetchCount: 150 });
  const connection = await connect(t, hub.server.connectionString);
  prefetch.start(
    await connection.openReceiver({ address: PARTITION, filter: EARLIEST, name: "test", onMessage: prefetch.add }),
  );
  const sizes: number[] = [];
  const seen: number[] = [];
  while (seen.length < 250) {
    const batch = await prefetch.next();
    sizes.push(batch.length);
    seen.push(...batch.map(({ body }) => Number(body.toString())));
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 250 }, (_, i) => i),
  );
  assert.ok(
    sizes.every((size) => size <= 100),
    String(sizes),
  );
  connection.close();
  await assert.rejects(prefetch.next(), HubTrouble);
});

test("what came while a batch ran is handed out at once; who waits for a first event waits for more", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const prefetch = new Prefetch({ maxBatchSize: 100, prefetchCount: 150 });
  const event = rhea.message.encode({ body: rhea.message.data_section(Buffer.from("a")) });
  const sizes: number[] = [];
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const take = async () => {
    void prefetch.next().then((batch) => sizes.push(batch.length));
    await turn();
  };
  await take();
  prefetch.add(event);
  await turn();
  t.mock.timers.tick(19);
  prefetch.add(event);
  await turn();
  assert.deepEqual(sizes, []);
  t.mock.timers.tick(1);
  await turn();
  assert.deepEqual(sizes, [2]);
  prefetch.add(event);
  await take();
  assert.deepEqual(sizes, [2, 1]);
});
