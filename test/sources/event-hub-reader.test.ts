import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { AmqpAnnotatedMessage } from "@azure/core-amqp";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { CredentialUnavailableError } from "@azure/identity";
import { AzureConnections } from "../../lib/azure/connections.ts";
import { readSettings } from "../../lib/azure/settings.ts";
import type { HubEvent } from "../../lib/engine/ports.ts";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { EventHubReader } from "../../lib/sources/event-hub-reader.ts";

const HUB = "flights";
const GROUP = "delays-repair";
const DAY = 86_400_000;

describe("the reader of a partition", () => {
  let server: HubServer;
  let connections: AzureConnections;
  let now = Date.UTC(2026, 0, 1);
  before(async () => {
    server = await startHubServer({
      port: 0,
      clock: () => now,
      hubs: [
        { name: HUB, partitions: 4, consumerGroups: [GROUP] },
        { name: "sizes", partitions: 2, consumerGroups: [GROUP] },
        { name: "brief", partitions: 1, consumerGroups: [GROUP], retention: { hours: 24 } },
      ],
    });
    connections = connect(server.connectionString);
  });
  after(async () => {
    await connections?.close();
    await server.stop();
  });

  const reader = (partition: string, hub = HUB, quietSeconds = 1) =>
    new EventHubReader({
      client: () => connections.eventHubConsumer("Hub", hub, GROUP),
      partition,
      quietSeconds,
    });

  async function publish(partition: string, count: number, hub = HUB, bytes = 0): Promise<void> {
    const producer = await connections.eventHubProducer("Hub", hub);
    for (let sent = 0; sent < count; ) {
      const batch = await producer.createBatch({ partitionId: partition });
      const body = () => Buffer.from(`event ${sent}`.padEnd(bytes));
      while (sent < count && batch.tryAdd({ body: body(), properties: { Number: sent } })) sent++;
      await producer.sendBatch(batch);
    }
  }

  it("knows the bounds of an empty and of a filled partition", async () => {
    const empty = reader("0");
    const { first, next, partitionCount, hubCreated } = await empty.bounds();
    assert.deepEqual(
      { first, next, partitionCount, hubCreated },
      { first: 0, next: 0, partitionCount: 4, hubCreated: now },
    );
    assert.equal(await empty.sequenceAt(0), 0);
    assert.deepEqual(await collect(empty.read(0, 10, 5)), []);
    await publish("0", 3);
    const filled = await empty.bounds();
    assert.deepEqual([filled.first, filled.next], [0, 3]);
  });

  it("reads a range in chunks, and only that, with the trigger's bytes and properties", async () => {
    await publish("1", 2_500);
    const chunks = await collect(reader("1").read(100, 2_345, 400));
    assert.ok(chunks.every((chunk) => chunk.length > 0 && chunk.length <= 400));
    const events = chunks.flat();
    assert.deepEqual(
      events.map((event) => event.sequenceNumber),
      Array.from({ length: 2_245 }, (_, i) => i + 100),
    );
    assert.deepEqual(events[0], {
      sequenceNumber: 100,
      enqueuedTime: now,
      partitionKey: undefined,
      properties: { number: 100 },
      body: Buffer.from("event 100"),
    });
    assert.equal(await readersLeft(server), 0);
  });

  it("takes as many events at a time as fit into memory, whatever their size", async () => {
    const kib = 1024;
    await publish("0", 6_000, "sizes");
    await publish("1", 250, "sizes", 100 * kib);
    const small = await collect(reader("0", "sizes").read(0, 6_000, 2_000));
    const large = await collect(reader("1", "sizes").read(0, 250, 2_000));
    const numbers = (chunks: typeof small) => chunks.flat().map(({ sequenceNumber }) => sequenceNumber);
    assert.deepEqual(
      numbers(small),
      Array.from({ length: 6_000 }, (_, i) => i),
    );
    assert.deepEqual(
      numbers(large),
      Array.from({ length: 250 }, (_, i) => i),
    );
    // How full a chunk is depends on the machine, how large it can be does not.
    const bytes = large.map((chunk) => chunk.reduce((sum, { body }) => sum + body.length, 0));
    assert.ok(Math.max(...bytes) <= 8 * kib * kib, bytes.join(" "));
  });

  it("ends where the hub ends", async () => {
    await publish("2", 5);
    const events = (await collect(reader("2").read(3, 1_000, 100))).flat();
    assert.deepEqual(
      events.map((event) => event.sequenceNumber),
      [3, 4],
    );
    assert.deepEqual(await collect(reader("2").read(5, 1_000, 100)), []);
  });

  it("starts at the oldest event when retention has eaten older ones", async () => {
    const brief = reader("0", "brief");
    await publish("0", 4, "brief");
    for (const count of [2, 1]) {
      now += 2 * DAY;
      await publish("0", count, "brief");
    }
    const { first, next } = await brief.bounds();
    assert.deepEqual([first, next], [4, 7]);
    const events = (await collect(brief.read(0, 6, 100))).flat();
    assert.deepEqual(
      events.map((event) => event.sequenceNumber),
      [4, 5],
    );
    assert.deepEqual(await collect(brief.read(0, 4, 100)), []);
  });

  it("finds the first event at or after a time", async () => {
    const start = now;
    for (let minute = 0; minute < 3; minute++) {
      now = start + minute * 60_000;
      await publish("3", 2);
    }
    const one = reader("3");
    assert.equal(await one.sequenceAt(start - 1), 0);
    assert.equal(await one.sequenceAt(start), 0);
    assert.equal(await one.sequenceAt(start + 1), 2);
    assert.equal(await one.sequenceAt(start + 60_000), 2);
    assert.equal(await one.sequenceAt(start + 120_001), 6);
  });

  it("refuses a second receiver of one client on a partition, as something that passes", async () => {
    await publish("1", 10);
    const first = reader("1").read(0, 100, 10)[Symbol.asyncIterator]();
    await first.next();
    await assert.rejects(reader("1").read(0, 100, 10).next(), {
      code: "UNAVAILABLE",
      retryable: true,
      message: 'Hub "flights" does not answer: Partition already has a subscriber. (partition 1)',
    });
    await first.return(undefined);
    assert.equal((await collect(reader("1").read(0, 10, 10))).flat().length, 10);
  });

  it("stops early without leaving a receiver", async () => {
    await publish("1", 10);
    for await (const chunk of reader("1").read(0, 100, 10)) {
      assert.equal(chunk.length, 10);
      break;
    }
    assert.equal(await readersLeft(server), 0);
  });

  it("takes AMQP values and binary properties as the trigger would", async () => {
    const producer = await connections.eventHubProducer("Hub", "brief");
    const properties = { Token: Buffer.from("abc"), At: new Date("2026-11-22T12:00:00.120Z"), On: new Date(0), N: 1.5 };
    const messages: AmqpAnnotatedMessage[] = [
      { body: Buffer.from([0xff, 0]), bodyType: "data", applicationProperties: properties },
      { body: "text", bodyType: "value" },
      { body: { a: 1 }, bodyType: "value" },
      { body: [1, "two"], bodyType: "sequence" },
      { body: Buffer.alloc(0), bodyType: "data" },
      { body: Buffer.from('{ "b" : 2 }'), bodyType: "data" },
    ];
    await producer.sendBatch(messages);
    const { next } = await reader("0", "brief").bounds();
    const events = (await collect(reader("0", "brief").read(next - 6, next, 100))).flat();
    assert.deepEqual(
      events.map(({ body }) => Buffer.from(body).toString("latin1")),
      ["\xff\0", "text", '{"a":1}', '[1,"two"]', "", '{ "b" : 2 }'],
    );
    assert.deepEqual(events[0]?.properties, {
      token: "YWJj",
      at: "2026-11-22T12:00:00.12Z",
      on: "1970-01-01T00:00:00Z",
      n: 1.5,
    });
  });

  it("names a hub or a group that is not there, and a key that is wrong", async () => {
    await assert.rejects(reader("0", "nowhere").bounds(), { code: "NOT_FOUND", retryable: false });
    await publish("0", 1);
    const stranger = new EventHubReader({
      client: () => connections.eventHubConsumer("Hub", HUB, "nobody"),
      partition: "0",
    });
    await assert.rejects(collect(stranger.read(0, 1, 1)), { code: "NOT_FOUND" });
    const locked = connect(server.connectionString.replace(/SharedAccessKey=[^;]+/, "SharedAccessKey=d3Jvbmc="));
    const thief = new EventHubReader({ client: () => locked.eventHubConsumer("Hub", HUB, GROUP), partition: "0" });
    await assert.rejects(thief.bounds(), { code: "CONFIGURATION", message: /key of the connection string/ });
    await locked.close();
  });

  it("says that its identity gets no token, and that it is worth another try", async () => {
    const thrown = new CredentialUnavailableError("no managed identity endpoint found.");
    const credential = { getToken: () => Promise.reject(thrown) };
    const client = new EventHubConsumerClient(GROUP, `localhost:${server.port}`, HUB, credential);
    await assert.rejects(new EventHubReader({ client: async () => client, partition: "0" }).bounds(), {
      code: "UNAVAILABLE",
      retryable: true,
      message:
        /^Hub "flights" could not be asked: .* no token \(no managed identity endpoint found\)\. \(partition 0\) Check/,
    });
    await client.close();
  });

  it("says within seconds that the hub is away", async () => {
    const gone = await startHubServer({ port: 0, hubs: [{ name: HUB, partitions: 1 }] });
    await gone.stop();
    const nowhere = connect(gone.connectionString);
    const one = new EventHubReader({ client: () => nowhere.eventHubConsumer("Hub", HUB, GROUP), partition: "0" });
    await assert.rejects(one.bounds(), { code: "UNAVAILABLE", retryable: true });
    await nowhere.close();
  });
});

function connect(connectionString: string): AzureConnections {
  const needs = [{ name: "Hub", service: "Event Hubs" as const, usedBy: "a test" }];
  return new AzureConnections(readSettings(needs, { Hub: connectionString }));
}

async function collect(chunks: AsyncIterable<readonly HubEvent[]>): Promise<(readonly HubEvent[])[]> {
  return Array.fromAsync(chunks);
}

/** The server learns of a closed link a moment after the client. */
async function readersLeft(server: HubServer): Promise<number> {
  for (let i = 0; i < 50 && server.stats().readers > 0; i++) await sleep(10);
  return server.stats().readers;
}
