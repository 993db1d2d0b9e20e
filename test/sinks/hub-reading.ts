import { EventHubConsumerClient, earliestEventPosition, type ReceivedEventData } from "@azure/event-hubs";
import { PRODUCER_PROPERTY, type ProducerHeader, parseProducerHeader } from "../../lib/engine/headers.ts";
import type { HubServer } from "../../lib/local/hub/index.ts";

export interface ReadMessage {
  readonly header: ProducerHeader;
  readonly value: unknown;
  readonly raw: ReceivedEventData;
}

/** Everything that one partition holds, in its order. */
export async function readPartition(server: HubServer, hub: string, partition: number): Promise<ReadMessage[]> {
  const { lastSequence, isEmpty } = server.partitionInfo(hub, partition);
  if (isEmpty) return [];
  const client = new EventHubConsumerClient("$Default", server.connectionString, hub);
  const messages: ReadMessage[] = [];
  const done = Promise.withResolvers<void>();
  const subscription = client.subscribe(
    String(partition),
    {
      processEvents: async (events) => {
        messages.push(...events.map(toMessage));
        // More may have arrived since the question.
        if ((events.at(-1)?.sequenceNumber ?? -1) >= lastSequence) done.resolve();
      },
      processError: async (error) => done.reject(error),
    },
    { startPosition: earliestEventPosition, maxBatchSize: 1_000, maxWaitTimeInSeconds: 1 },
  );
  const patience = setTimeout(() => {
    done.reject(new Error(`Partition ${partition} gave ${messages.length} messages and not number ${lastSequence}.`));
  }, PATIENCE_MS);
  try {
    await done.promise;
    return messages;
  } finally {
    clearTimeout(patience);
    await subscription.close();
    await client.close();
  }
}

const PATIENCE_MS = 20_000;

/** What a Tidemark reader keeps: nothing whose (generation, sequence) is not above the last of its producer. */
export function withoutRepeats(messages: readonly ReadMessage[]): ReadMessage[] {
  const last = new Map<string, { readonly generation: number; readonly sequence: number }>();
  return messages.filter(({ header }) => {
    const { producer, generation, sequence } = header;
    const seen = last.get(producer) ?? { generation: 0, sequence: 0 };
    const fresh = generation > seen.generation || (generation === seen.generation && sequence > seen.sequence);
    if (fresh) last.set(producer, { generation, sequence });
    return fresh;
  });
}

function toMessage(raw: ReceivedEventData): ReadMessage {
  const header = parseProducerHeader(raw.properties?.[PRODUCER_PROPERTY]);
  if (header === undefined) throw new Error("A message without a producer's header.");
  return { header, value: header.control ? undefined : raw.body, raw };
}
