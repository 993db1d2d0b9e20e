import Module, { createRequire } from "node:module";
import { join } from "node:path";
import { openExtentsInTurn } from "./extents-in-turn.ts";

/** The part of Azurite's servers that is used here; Azurite ships no types for its inner modules. */
export interface AzuriteServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
  readonly metadataStore: { readonly db: LokiDatabase };
  readonly extentMetadataStore?: { readonly db: LokiDatabase };
}

/** The part of LokiJS that is used here. */
export interface LokiDatabase {
  autosaveDisable(): void;
  autosaveDirty(): boolean;
  saveDatabase(done: (error?: Error) => void): void;
}

export interface AzuriteServers {
  readonly blob: AzuriteServer;
  readonly queue: AzuriteServer;
  readonly table: AzuriteServer;
}

export interface AzuriteOptions {
  readonly host: string;
  readonly blobPort: number;
  readonly queuePort: number;
  readonly tablePort: number;
  /** Absent: everything stays in memory. */
  readonly dataFolder?: string | undefined;
}

type ServerClass = new (configuration: unknown) => AzuriteServer;
type ConfigurationClass = new (...options: unknown[]) => unknown;

const KEEP_ALIVE_SECONDS = 5;

/** Builds Azurite's three servers with the settings of `--silent --skipApiVersionCheck --disableTelemetry`. */
export function createAzurite(options: AzuriteOptions): AzuriteServers {
  const load = azuriteLoader();
  openExtentsInTurn(load("common/persistence/FSExtentStore"));
  const inMemory = options.dataFolder === undefined;
  const file = (name: string) => (options.dataFolder === undefined ? name : join(options.dataFolder, name));

  // Azurite takes its configuration as a long list of positional values; these are the ones after the files.
  const quiet = (): unknown[] => [false, undefined, false, undefined, false, true, "", "", "", undefined, false];
  const withExtents = (service: "Blob" | "Queue", port: number): AzuriteServer => {
    const name = service.toLowerCase();
    const Server = load<ServerClass>(`${name}/${service}Server`);
    const Configuration = load<ConfigurationClass>(`${name}/${service}Configuration`);
    const extents = [
      { locationId: "Default", locationPath: file(`__${name}storage__`), maxConcurrency: EXTENT_WRITE_CONCURRENCY },
    ];
    const files = [file(`__azurite_db_${name}__.json`), file(`__azurite_db_${name}_extent__.json`), extents];
    return new Server(
      new Configuration(options.host, port, KEEP_ALIVE_SECONDS, ...files, ...quiet(), inMemory, undefined),
    );
  };

  const TableServer = load<ServerClass>("table/TableServer");
  const TableConfiguration = load<ConfigurationClass>("table/TableConfiguration");
  const tableFile = file("__azurite_db_table__.json");
  return {
    blob: withExtents("Blob", options.blobPort),
    queue: withExtents("Queue", options.queuePort),
    table: new TableServer(
      new TableConfiguration(
        ...[options.host, options.tablePort, KEEP_ALIVE_SECONDS, tableFile, false, false, undefined, undefined],
        ...[false, true, "", "", "", undefined, false, inMemory],
      ),
    ),
  };
}

const EXTENT_WRITE_CONCURRENCY = 50;

/**
 * Loads Azurite's inner modules. Its telemetry SDK is left out: it is never switched on here, and loading it alone
 * takes a third of Azurite's start-up time.
 */
function azuriteLoader(): <T>(path: string) => T {
  const require = createRequire(import.meta.url);
  const original = Module.prototype.require;
  return <T>(path: string): T => {
    Module.prototype.require = function (this: Module, id: string) {
      return id === "applicationinsights" ? {} : original.call(this, id);
    } as typeof original;
    try {
      return (require(`azurite/dist/src/${path}`) as { default: T }).default;
    } finally {
      Module.prototype.require = original;
    }
  };
}
