import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type EventData, type EventDataBatch, EventHubProducerClient } from "@azure/event-hubs";
import fc from "fast-check";
import { type HubServer, startHubServer } from "../../lib/local/hub/index.ts";
import { lightBatch } from "../../lib/sinks/hub/light-batch.ts";

type Encoded = EventDataBatch & { _generateMessage(): Buffer };

describe("a light batch", () => {
  let server: HubServer;
  let producer: EventHubProducerClient;

  before(async () => {
    server = await startHubServer({ port: 0, maxMessageBytes: 20_000, hubs: [{ name: "legs", partitions: 1 }] });
    producer = new EventHubProducerClient(server.connectionString, "legs");
  });
  after(async () => {
    await producer.close();
    await server.stop();
  });

  const newBatch = async () => (await producer.createBatch({ partitionId: "0" })) as Encoded;

  it("takes the same events as the SDK's batch, is as large, and is sent as the same bytes", async () => {
    const aroundByte = fc.integer({ min: 240, max: 260 });
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      aroundByte.map((length) => "x".repeat(length)),
      fc.constant("é".repeat(150)),
    );
    const bytes = fc.oneof(fc.nat(40), aroundByte, fc.nat(6_000)).map((length) => Buffer.alloc(length, "b"));
    const event: fc.Arbitrary<EventData> = fc.record({
      body: bytes,
      properties: fc.dictionary(fc.string({ minLength: 1, maxLength: 12 }), text, { minKeys: 1, maxKeys: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 20 }), async (events) => {
        const theirs = await newBatch();
        const ours = lightBatch(await newBatch()) as Encoded;
        for (const one of events) {
          assert.equal(ours.tryAdd(one), theirs.tryAdd(one));
          assert.deepEqual([ours.count, ours.sizeInBytes], [theirs.count, theirs.sizeInBytes]);
        }
        if (ours.count > 0) assert.ok(ours._generateMessage().equals(theirs._generateMessage()));
      }),
    );
  });

  it("leaves alone what is no empty batch of the SDK's for a partition", async () => {
    const begun = await newBatch();
    begun.tryAdd({ body: Buffer.from("a") });
    assert.equal(lightBatch(begun), begun);
    const keyed = await producer.createBatch({ partitionKey: "a" });
    assert.equal(lightBatch(keyed), keyed);
    const foreign = { count: 0 } as EventDataBatch;
    assert.equal(lightBatch(foreign), foreign);
  });
});
