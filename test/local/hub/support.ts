import type { TestContext } from "node:test";
import {
  type EventHubClientOptions,
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventPosition,
  earliestEventPosition,
  type PartitionContext,
  type ReceivedEventData,
  type SubscribeOptions,
} from "@azure/event-hubs";
import { type HubServer, type HubServerOptions, startHubServer } from "../../../lib/local/hub/index.ts";

/** Fails at once instead of waiting for a network that may come back. */
export const impatient = { maxRetries: 0, timeoutInMs: 10_000 };

export interface TestHub {
  readonly server: HubServer;
  producer(hub?: string, options?: EventHubClientOptions): EventHubProducerClient;
  consumer(group?: string, hub?: string, options?: EventHubClientOptions): EventHubConsumerClient;
}

/** A server on a free port and clients for it, all of which end with the test. */
export async function startTestHub(t: TestContext, options: Partial<HubServerOptions> = {}): Promise<TestHub> {
  const server = await startHubServer({ hubs: [{ name: "events", partitions: 1 }], port: 0, ...options });
  const clients: { close(): Promise<void> }[] = [];
  const keep = <Client extends { close(): Promise<void> }>(client: Client): Client => {
    clients.push(client);
    return client;
  };
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await server.stop();
  });
  const hurried = { retryOptions: impatient };
  return {
    server,
    producer: (hub = "events", options = hurried) =>
      keep(new EventHubProducerClient(server.connectionString, hub, options)),
    consumer: (group = "$Default", hub = "events", options = hurried) =>
      keep(new EventHubConsumerClient(group, server.connectionString, hub, options)),
  };
}

export interface Receive {
  readonly count: number;
  /** All partitions when absent. */
  readonly partition?: string;
  readonly from?: EventPosition;
  readonly options?: SubscribeOptions;
  /** Runs once the first batch, or the first empty wait, has come. */
  readonly onReading?: () => Promise<unknown>;
  readonly onBatch?: (events: ReceivedEventData[], context: PartitionContext) => void;
}

/** The first `count` events that the consumer gets; rejects with the first error that it reports. */
export async function receive(consumer: EventHubConsumerClient, receive: Receive): Promise<ReceivedEventData[]> {
  const received: ReceivedEventData[] = [];
  let reading = false;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const handlers = {
    processEvents: async (events: ReceivedEventData[], context: PartitionContext) => {
      received.push(...events);
      receive.onBatch?.(events, context);
      if (received.length >= receive.count) resolve();
      if (!reading) {
        reading = true;
        await receive.onReading?.();
      }
    },
    processError: async (error: Error) => reject(error),
  };
  const options: SubscribeOptions = {
    startPosition: receive.from ?? earliestEventPosition,
    maxBatchSize: 500,
    maxWaitTimeInSeconds: receive.onReading === undefined ? 60 : 0.2,
    skipParsingBodyAsJson: false,
    ...receive.options,
  };
  const subscription =
    receive.partition === undefined
      ? consumer.subscribe(handlers, options)
      : consumer.subscribe(receive.partition, handlers, options);
  try {
    await promise;
  } catch (error) {
    // Its close can wait for itself while the error is still being handled.
    void subscription.close();
    throw error;
  }
  await subscription.close();
  return received;
}

export function numbered(count: number, from = 0): { body: { n: number } }[] {
  return Array.from({ length: count }, (_, i) => ({ body: { n: from + i } }));
}

export function numbers(events: readonly ReceivedEventData[]): number[] {
  return events.map((event) => event.body.n);
}

/** Waits, a turn of the event loop at a time, until something becomes true. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 2));
}
