import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { BlobServiceClient } from "@azure/storage-blob";
import type { World } from "../../lib/engine/ports.ts";
import type { Connections } from "../../lib/engine/sink.ts";
import { COSMOS_CLIENT_OPTIONS } from "../../lib/sinks/cosmos/client-options.ts";
import { hastyWorld } from "../../lib/testing/sink-conformance/owner.ts";

export { hastyWorld, Owner, type OwnerOptions, type TestFrame } from "../../lib/testing/sink-conformance/owner.ts";

/** A world that notes for how long it was asked to sleep. */
export function notingWorld(): { readonly world: World; readonly sleeps: number[] } {
  const sleeps: number[] = [];
  const sleep: World["sleep"] = (milliseconds, signal) => {
    sleeps.push(milliseconds);
    return hastyWorld.sleep(0, signal);
  };
  return { world: { ...hastyWorld, sleep }, sleeps };
}

export interface LocalServices {
  readonly cosmos?: string;
  readonly hub?: string;
  readonly blobs?: string;
}

/** Connections to local servers by their connection strings; `close` closes the clients. */
export function localConnections(
  services: LocalServices,
  retryOptions = { maxRetries: 0, timeoutInMs: 10_000 },
): Connections & { close(): Promise<void> } {
  const producers = new Map<string, EventHubProducerClient>();
  const cosmos = services.cosmos === undefined ? undefined : cosmosClient(services.cosmos);
  const producer = (hub: string) => {
    const known = producers.get(hub);
    if (known !== undefined) return known;
    const made = new EventHubProducerClient(need(services.hub), hub, { retryOptions });
    producers.set(hub, made);
    return made;
  };
  return {
    cosmos: async () => need(cosmos),
    eventHubProducer: async (_connection, hub) => producer(hub),
    blobs: async () => {
      return BlobServiceClient.fromConnectionString(need(services.blobs), { retryOptions: { maxTries: 1 } });
    },
    hubBounds: async (_connection, hub) => {
      const { partitionIds, createdOn } = await producer(hub).getEventHubProperties();
      return {
        first: 0,
        next: 0,
        hubCreated: createdOn.getTime(),
        partitionCount: partitionIds.length,
        lastEnqueued: 0,
      };
    },
    close: async () => {
      for (const client of producers.values()) await client.close();
      cosmos?.dispose();
    },
  };
}

export function cosmosClient(connectionString: string): CosmosClient {
  return new CosmosClient({ connectionString, ...COSMOS_CLIENT_OPTIONS });
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("This test did not start the service that it needs.");
  return value;
}
