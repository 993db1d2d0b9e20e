import * as nodeModule from "node:module";
import { join } from "node:path";
import { TidemarkError } from "../errors.ts";
import type { FunctionsHost, HostEvent, LogEntry } from "../local/host/index.ts";
import { airportsCsv } from "./flights/airports.ts";
import { writeLocalApp } from "./local-app.ts";
import { declarationsOf } from "./services/declarations.ts";
import type { PortChoice } from "./services/ports.ts";
import { type Services, type ServicesOptions, startServices } from "./services/start-services.ts";

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
/** A worker as on a small instance: on a large machine Node would let garbage pile up before it collects any. */
export const WORKER_HEAP: readonly string[] = ["--max-semi-space-size=16", "--max-old-space-size=1024"];
/** A clean stop is to take less than three seconds in all. */
const DRAIN_MS = 1200;

/** Starts services, tables and the Functions host; on failure, whatever had started is stopped again. */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { services, localApp } = await openServices(options);
  try {
    const host = await startHost(localApp, services, options);
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

/** Starts services and tables, and writes the app for hosts to run; on failure, whatever had started is stopped again. */
export async function openServices({
  folder,
  ports,
  onFenceNews,
}: Pick<SessionOptions, "folder" | "ports"> & Pick<ServicesOptions, "onFenceNews">): Promise<{
  readonly services: Services;
  readonly localApp: string;
}> {
  const appFolder = process.cwd();
  const services = await startServices({ folder, ports, onFenceNews, declared: declarationsOf(appFolder) });
  try {
    const [localApp] = await Promise.all([
      writeLocalApp(appFolder, join(folder, "app")),
      uploadAirports(services.settings.TidemarkStorage),
    ]);
    return { services, localApp };
  } catch (error) {
    await services.stop();
    throw error;
  }
}

async function startHost(appFolder: string, services: Services, options: SessionOptions): Promise<FunctionsHost> {
  const { startFunctionsHost } = await import("../local/host/index.ts");
  const { cosmosSinks, onLog, onEvent } = options;
  if (!cosmosSinks && !("registerHooks" in nodeModule)) {
    throw new TidemarkError(
      "UNSUPPORTED",
      `--sink none needs Node 22.15 or newer, and this is ${process.versions.node}.`,
    );
  }
  return startFunctionsHost({
    appFolder,
    settings: { ...services.settings },
    nodeArgs: [
      ...WORKER_HEAP,
      ...(cosmosSinks ? [] : ["--import", new URL("./without-cosmos.ts", import.meta.url).href]),
    ],
    onLog,
    onEvent,
    httpPort: 0,
  });
}

async function uploadAirports(connectionString: string): Promise<void> {
  const { BlobServiceClient } = await import("@azure/storage-blob");
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(TABLE_CONTAINER);
  await container.createIfNotExists();
  const csv = await airportsCsv();
  await container.getBlockBlobClient(AIRPORTS_BLOB).upload(csv, Buffer.byteLength(csv));
}
