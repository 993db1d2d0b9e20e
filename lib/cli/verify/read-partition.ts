import { type EventHubConsumerClient, earliestEventPosition } from "@azure/event-hubs";
import type { StoredMessage } from "./partition-fold.ts";

const BATCH_EVENTS = 1000;

/** Hands out every message that a partition holds now, oldest first, and resolves with how many there were. */
export async function readPartition(
  client: EventHubConsumerClient,
  partitionId: string,
  take: (message: StoredMessage) => void,
): Promise<number> {
  const bounds = await client.getPartitionProperties(partitionId);
  if (bounds.isEmpty) return 0;
  const last = bounds.lastEnqueuedSequenceNumber;
  const done = Promise.withResolvers<number>();
  let count = 0;
  const subscription = client.subscribe(
    partitionId,
    {
      processEvents: async (events) => {
        for (const { sequenceNumber, properties, body } of events) {
          if (sequenceNumber > last) break;
          take({ sequenceNumber, properties, body: body as Uint8Array });
          count++;
        }
        const newest = events.at(-1);
        if (newest !== undefined && newest.sequenceNumber >= last) done.resolve(count);
      },
      processError: async (error) => done.reject(error),
    },
    // Bodies stay bytes: what is not JSON must be seen as it is.
    { startPosition: earliestEventPosition, maxBatchSize: BATCH_EVENTS, skipParsingBodyAsJson: true },
  );
  try {
    return await done.promise;
  } finally {
    await subscription.close();
  }
}
