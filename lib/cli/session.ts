import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlobServiceClient } from "@azure/storage-blob";
import type { FunctionsHost, HostEvent, LogEntry } from "../local/host/index.ts";
import { bundleApp } from "./build/bundle.ts";
import { airportsCsv } from "./flights/airports.ts";
import { declarationsOf } from "./services/declarations.ts";
import type { PortChoice } from "./services/ports.ts";
import { type Services, startServices } from "./services/start-services.ts";

export interface SessionOptions {
  /** Where the services keep their data. */
  readonly folder: string;
  readonly ports: PortChoice;
  /** False leaves the writes to Cosmos DB out. */
  readonly cosmosSinks: boolean;
  readonly onLog: (entry: LogEntry) => void;
  readonly onEvent: (event: HostEvent) => void;
}

/** The function app of the working folder, running on services of its own. */
export interface Session {
  readonly services: Services;
  readonly host: FunctionsHost;
  stop(): Promise<void>;
}

/** Blob and container that functions/shared/airports.ts names. */
const TABLE_CONTAINER = "tables";
const AIRPORTS_BLOB = "airports.csv";
/** `--sink none`: the engine itself has no such switch, so another module takes the place of the sink's. */
const WITHOUT_COSMOS = new Map([[pathOf("../sinks/cosmos.ts"), pathOf("./dropping-sink.ts")]]);
/** A clean stop is to take less than three seconds in all. */
const DRAIN_MS = 1200;

/**
 * Starts services, tables and the Functions host with the bundle that would be deployed; on failure, whatever had started is stopped
 * again.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const appFolder = process.cwd();
  const { folder, ports } = options;
  const bundleFolder = join(folder, "app");
  const bundling = bundleApp(appFolder, bundleFolder, {
    replaced: options.cosmosSinks ? new Map() : WITHOUT_COSMOS,
    sourceMaps: true,
  });
  // Whoever awaits it hears of a failure; until then it must not end the process.
  bundling.catch(() => {});
  const declared = await declarationsOf(appFolder);
  const services = await startServices({ folder, ports, hubs: declared.hubs, containers: declared.containers });
  try {
    await Promise.all([bundling, uploadAirports(services.settings.TidemarkStorage)]);
    const host = await startHost(bundleFolder, services, options);
    return {
      services,
      host,
      stop: async () => {
        await host.stop({ timeoutMs: DRAIN_MS });
        await services.stop();
      },
    };
  } catch (error) {
    await services.stop();
    throw error;
  }
}

async function startHost(appFolder: string, services: Services, options: SessionOptions): Promise<FunctionsHost> {
  const { startFunctionsHost } = await import("../local/host/index.ts");
  const { onLog, onEvent } = options;
  return startFunctionsHost({
    appFolder,
    settings: { ...services.settings },
    nodeArgs: ["--enable-source-maps"],
    onLog,
    onEvent,
    httpPort: 0,
  });
}

function pathOf(module: string): string {
  return fileURLToPath(new URL(module, import.meta.url));
}

async function uploadAirports(connectionString: string): Promise<void> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(TABLE_CONTAINER);
  await container.createIfNotExists();
  const csv = await airportsCsv();
  await container.getBlockBlobClient(AIRPORTS_BLOB).upload(csv, Buffer.byteLength(csv));
}
