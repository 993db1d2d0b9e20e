import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { EventHubConsumerClient, ReceivedEventData, SubscriptionEventHandlers } from "@azure/event-hubs";
import { EventHubReader } from "../../lib/sources/event-hub-reader.ts";

/** A hub with sequence numbers that belong to no event, as transactions and compaction leave them; no local one has. */
function hubWithHoles(
  events: readonly number[],
  bounds: { first: number; next: number; isEmpty?: boolean },
): EventHubConsumerClient {
  const client = {
    eventHubName: "holes",
    getEventHubProperties: async () => ({ createdOn: new Date(0), partitionIds: ["0"] }),
    getPartitionProperties: async () => ({
      isEmpty: bounds.isEmpty ?? false,
      beginningSequenceNumber: bounds.first,
      lastEnqueuedSequenceNumber: bounds.next - 1,
      lastEnqueuedOnUtc: new Date(0),
    }),
    subscribe: (_partition: string, handlers: SubscriptionEventHandlers) => {
      let open = true;
      const push = async () => {
        // The reader looks at no more than the events and the error.
        const give = (chunk: unknown[]) => handlers.processEvents(chunk as ReceivedEventData[], undefined as never);
        await give(events.map((sequenceNumber) => received(sequenceNumber)));
        while (open) {
          await new Promise(setImmediate);
          await give([]);
        }
      };
      void push();
      const close = async () => {
        open = false;
      };
      return { isRunning: true, close };
    },
  };
  return client as unknown as EventHubConsumerClient;
}

function received(sequenceNumber: number) {
  const getRawAmqpMessage = () => ({});
  return { sequenceNumber, enqueuedTimeUtc: new Date(0), body: Buffer.from("x"), getRawAmqpMessage };
}

async function read(client: EventHubConsumerClient, from: number, to: number): Promise<number[]> {
  const reader = new EventHubReader({ client: async () => client, partition: "0", quietSeconds: 3 });
  const chunks = await Array.fromAsync(reader.read(from, to, 100));
  return chunks.flat().map(({ sequenceNumber }) => sequenceNumber);
}

describe("a partition with holes", () => {
  it("is read across them, up to the event that proves the end", async () => {
    assert.deepEqual(await read(hubWithHoles([3, 7, 9], { first: 3, next: 10 }), 2, 9), [3, 7]);
  });

  it("begins with the next event when it holds none any more, whatever it says of the first", async () => {
    const client = hubWithHoles([], { first: 3, next: 10, isEmpty: true });
    const { first, next } = await new EventHubReader({ client: async () => client, partition: "0" }).bounds();
    assert.deepEqual([first, next], [10, 10]);
  });

  it("has ended after some quiet when it holds nothing beyond", async () => {
    assert.deepEqual(await read(hubWithHoles([3], { first: 3, next: 10 }), 3, 10), [3]);
  });

  it("has not ended when it is quiet and holds events beyond: they might be lost", async () => {
    await assert.rejects(read(hubWithHoles([3], { first: 3, next: 12 }), 3, 10), {
      code: "UNAVAILABLE",
      retryable: true,
      message: /events from 4 to 11 and does not deliver/,
    });
  });

  it("is silent about a start time only as long as it takes to say that it withholds events", async () => {
    const client = hubWithHoles([], { first: 3, next: 10 });
    const reader = new EventHubReader({ client: async () => client, partition: "0", quietSeconds: 3 });
    await assert.rejects(reader.sequenceAt(0), { code: "UNAVAILABLE", retryable: true, message: /since 1970-01-01/ });
    assert.equal(await reader.sequenceAt(1), 10);
  });
});
