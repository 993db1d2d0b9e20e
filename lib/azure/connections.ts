import type { CosmosClient, CosmosClientOptions } from "@azure/cosmos";
import type { EventHubConsumerClient, EventHubProducerClient, RetryOptions } from "@azure/event-hubs";
import type { TokenCredential } from "@azure/identity";
import type { BlobServiceClient, StoragePipelineOptions } from "@azure/storage-blob";
import type { QueueServiceClient } from "@azure/storage-queue";
import type { PartitionBounds } from "../engine/ports.ts";
import type { Connections } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";
import { readBounds } from "../sources/hub-bounds.ts";
import { type Identity, type Service, type ServiceSetting, type Settings, settingKey } from "./settings.ts";

/** Shows a service that is down within seconds; who needs longer retries above it, with a signal. */
const HUB_RETRIES: RetryOptions = { maxRetries: 2, retryDelayInMs: 250, maxRetryDelayInMs: 2_000, timeoutInMs: 10_000 };

const STORAGE_OPTIONS: Pick<StoragePipelineOptions, "retryOptions"> = {
  retryOptions: { maxTries: 4, tryTimeoutInMs: 30_000, retryDelayInMs: 200, maxRetryDelayInMs: 2_000 },
};

/**
 * Clients of Azure services by the name of their connection setting: each is made when first asked for and shared by
 * the whole process. The SDKs themselves are loaded then too, because they make up most of a cold start.
 */
export class AzureConnections implements Connections {
  readonly #settings: Settings;
  readonly #clients = new Map<string, Promise<{ close(): unknown }>>();
  readonly #credentials = new Map<string, Promise<TokenCredential>>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  async cosmos(connection: string): Promise<CosmosClient> {
    const { client } = await this.#once(`cosmos ${connection}`, async () => {
      const made = await this.#makeCosmos(this.#setting("Cosmos DB", connection));
      return { client: made, close: () => made.dispose() };
    });
    return client;
  }

  eventHubProducer(connection: string, eventHub: string): Promise<EventHubProducerClient> {
    return this.#once(`producer ${connection} ${eventHub}`, async () => {
      const { EventHubProducerClient } = await import("@azure/event-hubs");
      const options = { retryOptions: HUB_RETRIES };
      const setting = this.#setting("Event Hubs", connection);
      if (setting.kind === "connection string") return new EventHubProducerClient(setting.value, eventHub, options);
      const credential = await this.#credential(setting.identity);
      return new EventHubProducerClient(setting.endpoint, eventHub, credential, options);
    });
  }

  /** A client that reads a hub in a consumer group; its connection opens with the first request. */
  eventHubConsumer(connection: string, eventHub: string, group: string): Promise<EventHubConsumerClient> {
    return this.#once(`consumer ${connection} ${eventHub} ${group}`, async () => {
      const { EventHubConsumerClient } = await import("@azure/event-hubs");
      const options = { retryOptions: HUB_RETRIES };
      const setting = this.#setting("Event Hubs", connection);
      if (setting.kind === "connection string") {
        return new EventHubConsumerClient(group, setting.value, eventHub, options);
      }
      const credential = await this.#credential(setting.identity);
      return new EventHubConsumerClient(group, setting.endpoint, eventHub, credential, options);
    });
  }

  /** A client of blobs; with options other than the usual, one of its own. */
  async blobs(connection: string, options: StoragePipelineOptions = STORAGE_OPTIONS): Promise<BlobServiceClient> {
    const { client } = await this.#once(`blobs ${connection} ${JSON.stringify(options)}`, async () => {
      const made = await this.#makeBlobs(this.#setting("Blob Storage", connection), options);
      return { client: made, close: () => undefined };
    });
    return client;
  }

  async queues(connection: string): Promise<QueueServiceClient> {
    const { client } = await this.#once(`queues ${connection}`, async () => {
      const { QueueServiceClient } = await import("@azure/storage-queue");
      const setting = this.#setting("Queue Storage", connection);
      const made =
        setting.kind === "connection string"
          ? QueueServiceClient.fromConnectionString(setting.value, STORAGE_OPTIONS)
          : new QueueServiceClient(setting.endpoint, await this.#credential(setting.identity), STORAGE_OPTIONS);
      return { client: made, close: () => undefined };
    });
    return client;
  }

  async hubBounds(connection: string, eventHub: string, partition: string): Promise<PartitionBounds> {
    return readBounds(await this.eventHubProducer(connection, eventHub), partition);
  }

  /** Closes every client; failures to close are of no interest any more. */
  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.allSettled(clients.map(async (client) => (await client).close()));
  }

  /** Makes a client once; a failure is not kept, so that the next request tries again. */
  #once<C extends { close(): unknown }>(key: string, make: () => Promise<C>): Promise<C> {
    // The key says which kind of client it is, so the stored type is the asked one.
    const known = this.#clients.get(key) as Promise<C> | undefined;
    if (known) return known;
    const made = make();
    this.#clients.set(key, made);
    made.catch(() => this.#clients.delete(key));
    return made;
  }

  #setting(service: Service, connection: string): ServiceSetting {
    const setting = this.#settings.get(settingKey(service, connection));
    if (setting) return setting;
    throw new TidemarkError("CONFIGURATION", `No function declares that it uses ${connection} for ${service}.`, {
      fix: "Name the connection in the pipeline or in handle(…), so that it is checked at the start.",
    });
  }

  #credential(identity: Identity): Promise<TokenCredential> {
    const key = `${identity.managed} ${identity.clientId}`;
    const known = this.#credentials.get(key);
    if (known) return known;
    const made = makeCredential(identity);
    this.#credentials.set(key, made);
    return made;
  }

  async #makeBlobs(setting: ServiceSetting, options: StoragePipelineOptions): Promise<BlobServiceClient> {
    const { BlobServiceClient } = await import("@azure/storage-blob");
    if (setting.kind === "connection string") return BlobServiceClient.fromConnectionString(setting.value, options);
    return new BlobServiceClient(setting.endpoint, await this.#credential(setting.identity), options);
  }

  async #makeCosmos(setting: ServiceSetting): Promise<CosmosClient> {
    const { CosmosClient } = await import("@azure/cosmos");
    const emulator = setting.kind === "connection string" && setting.emulator;
    const options: CosmosClientOptions = {
      // No agent of our own: the SDK's keeps connections alive, and only with it does it accept an emulator's plain http.
      connectionPolicy: {
        requestTimeout: 10_000,
        // An emulator names endpoints that cannot be reached from here, such as its container's address.
        enableEndpointDiscovery: !emulator,
        // Fencing by a condition holds within one write region only.
        useMultipleWriteLocations: false,
        retryOptions: { maxRetryAttemptCount: 5, fixedRetryIntervalInMilliseconds: 0, maxWaitTimeInSeconds: 10 },
      },
    };
    if (setting.kind === "connection string") return new CosmosClient({ connectionString: setting.value, ...options });
    return new CosmosClient({
      endpoint: setting.endpoint,
      aadCredentials: await this.#credential(setting.identity),
      ...options,
    });
  }
}

async function makeCredential({ managed, clientId }: Identity): Promise<TokenCredential> {
  const { DefaultAzureCredential, ManagedIdentityCredential } = await import("@azure/identity");
  if (managed) return clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential();
  return new DefaultAzureCredential(clientId ? { managedIdentityClientId: clientId } : {});
}
