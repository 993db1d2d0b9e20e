import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { HubDeclaration } from "../../local/hub/index.ts";
import { startStorage } from "../../local/storage/index.ts";
import { type ChildService, startChild } from "./child-service.ts";
import type { ContainerDeclaration, CosmosChildOptions, CosmosChildValue } from "./cosmos-child.ts";
import type { FenceNews } from "./fence-watch.ts";
import type { HubChildValue } from "./hub-child.ts";
import { choosePorts, type PortChoice, type ServiceName, type WELL_KNOWN_PORTS } from "./ports.ts";
import { type OwnService, type ServiceEnd, ServiceEnds } from "./service-ends.ts";

export interface ServicesOptions {
  /** Where everything is kept. */
  readonly folder: string;
  readonly ports: PortChoice;
  /** What hub and database must hold; storage, the slowest to start, does not wait for it. */
  readonly declared: Promise<ServiceContents>;
  /** Hears what Cosmos DB sees of the fences in its documents; absent: it does not look. */
  readonly onFenceNews?: ((news: FenceNews) => void) | undefined;
}

export interface ServiceContents {
  readonly hubs: readonly HubDeclaration[];
  readonly containers: readonly ContainerDeclaration[];
  readonly blobContainers?: readonly string[];
}

export interface Services {
  readonly ports: Readonly<Record<ServiceName, number>>;
  /** Services that listen elsewhere because their well-known port was taken. */
  readonly moved: readonly ServiceName[];
  /** The settings of the function app, by which the SDKs find these services. */
  readonly settings: Readonly<Record<AppSetting, string>>;
  stopService(name: "cosmos" | "storage"): Promise<void>;
  /** Starts what was stopped, on the port it had. */
  startService(name: "cosmos" | "storage"): Promise<void>;
  /** Resolves when one of them has ended although nobody stopped it. */
  readonly ended: Promise<ServiceEnd>;
  stop(): Promise<void>;
}

export type AppSetting = "EventHubConnection" | "CosmosConnection" | "TidemarkStorage" | "AzureWebJobsStorage";

/** Removes everything that local services keep. */
export async function forgetData(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

/** Starts Event Hubs, Cosmos DB and storage, each in a process of its own; throws PORT_TAKEN, and then none runs. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  await mkdir(options.folder, { recursive: true });
  const { ports: wanted, taken } = await choosePorts(options.ports);
  const started = await Promise.allSettled([
    startHub(options, wanted.hub),
    startCosmos(options, wanted.cosmos),
    startBlobs(options, wanted),
  ] as const);
  const failure = started.find((one) => one.status === "rejected");
  if (failure !== undefined) {
    await Promise.all(started.map((one) => (one.status === "fulfilled" ? one.value.stop() : undefined)));
    throw failure.reason;
  }
  const [hub, cosmos, storage] = started.map((one) => (one as PromiseFulfilledResult<unknown>).value) as [
    ChildService<HubChildValue>,
    ChildService<CosmosChildValue>,
    Awaited<ReturnType<typeof startBlobs>>,
  ];
  const ends = new ServiceEnds();
  ends.watch("Event Hubs", hub);
  ends.watch("Cosmos DB", cosmos);
  ends.watch("Azurite", storage);
  return servicesOf(options, { ends, hub, cosmos, storage }, taken);
}

interface Parts {
  readonly ends: ServiceEnds;
  readonly hub: ChildService<HubChildValue>;
  cosmos: ChildService<CosmosChildValue>;
  storage: Awaited<ReturnType<typeof startBlobs>>;
}

function servicesOf(options: ServicesOptions, parts: Parts, moved: readonly ServiceName[]): Services {
  const ports = { hub: parts.hub.value.port, cosmos: parts.cosmos.value.port, ...parts.storage.ports };
  const stop = (service: OwnService & { stop(): Promise<void> }): Promise<void> => {
    parts.ends.expect(service);
    return service.stop();
  };
  const restart = {
    cosmos: async () => {
      parts.cosmos = await startCosmos(options, ports.cosmos);
      parts.ends.watch("Cosmos DB", parts.cosmos);
    },
    storage: async () => {
      parts.storage = await startBlobs(options, ports);
      parts.ends.watch("Azurite", parts.storage);
    },
  };
  return {
    ports,
    moved,
    settings: {
      EventHubConnection: parts.hub.value.connectionString,
      CosmosConnection: parts.cosmos.value.connectionString,
      TidemarkStorage: parts.storage.connectionString,
      AzureWebJobsStorage: parts.storage.connectionString,
    },
    stopService: (name) => stop(parts[name]),
    startService: (name) => restart[name](),
    ended: parts.ends.first,
    stop: async () => {
      await Promise.all([stop(parts.hub), stop(parts.cosmos), stop(parts.storage)]);
    },
  };
}

async function startHub({ folder, declared }: ServicesOptions, port: number): Promise<ChildService<HubChildValue>> {
  const { hubs } = await declared;
  const options = { hubs, port, dataFolder: join(folder, "hub") };
  return startChild<HubChildValue>("Event Hubs", new URL("./hub-child.ts", import.meta.url), options);
}

async function startCosmos(
  { folder, declared, onFenceNews }: ServicesOptions,
  port: number,
): Promise<ChildService<CosmosChildValue>> {
  const { containers } = await declared;
  const server = { port, dataFile: join(folder, "cosmos.sqlite") };
  const options: CosmosChildOptions = { server, containers, watchFences: onFenceNews !== undefined };
  const module = new URL("./cosmos-child.ts", import.meta.url);
  return startChild<CosmosChildValue>("Cosmos DB", module, options, (news) => onFenceNews?.(news as FenceNews));
}

async function startBlobs(
  { folder, declared }: ServicesOptions,
  ports: Pick<typeof WELL_KNOWN_PORTS | Record<ServiceName, number>, "blob" | "queue" | "table">,
) {
  const { blob: blobPort, queue: queuePort, table: tablePort } = ports;
  const storage = await startStorage({ blobPort, queuePort, tablePort, dataFolder: join(folder, "storage") });
  try {
    await createBlobContainers(storage.connectionString, (await declared).blobContainers ?? []);
    return storage;
  } catch (error) {
    await storage.stop();
    throw error;
  }
}

async function createBlobContainers(connectionString: string, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const { BlobServiceClient } = await import("@azure/storage-blob");
  const service = BlobServiceClient.fromConnectionString(connectionString);
  await Promise.all(names.map((name) => service.getContainerClient(name).createIfNotExists()));
}
