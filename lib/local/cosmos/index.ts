import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { TidemarkError } from "../../errors.ts";
import { Account, type ItemRefusal, type ItemWrite } from "./account.ts";
import { throughputOf } from "./container.ts";
import type { Fault } from "./faults.ts";
import { type CosmosStats, HttpServer } from "./server.ts";

export type { ItemRefusal, ItemWrite } from "./account.ts";
export type { Fault } from "./faults.ts";
export type { CosmosRequest } from "./request.ts";
export type { CosmosStats } from "./server.ts";

export interface CosmosServerOptions {
  /** Default 8081, the emulator's; 0 takes a free one. */
  readonly port?: number;
  /** Default localhost. */
  readonly host?: string;
  /** The SQLite file that keeps the documents; absent: they live in memory. */
  readonly dataFile?: string;
  /** Milliseconds since 1970; times to live and the refill of request units follow it. */
  readonly clock?: () => number;
  /** Request units per second and container; beyond it requests get 429. Absent: no limit. */
  readonly requestUnitsPerSecond?: number;
  /** Hears of every document that is written, before its writer does. */
  readonly onWrite?: (write: ItemWrite) => void;
  /** Hears of every document that is not written because of the stored one (409, 412), before its writer does. */
  readonly onRefusal?: (refusal: ItemRefusal) => void;
}

export interface CosmosServer {
  readonly port: number;
  /** `http://localhost:port/` */
  readonly endpoint: string;
  /** For `new CosmosClient(connectionString)`; the key is the emulator's public one. */
  readonly connectionString: string;
  /** Creates the database and the container unless they exist. */
  ensureContainer(
    database: string,
    container: string,
    partitionKeyPaths: readonly string[],
    options?: { readonly defaultTtl?: number },
  ): void;
  /** Makes coming requests fail. */
  inject(fault: Fault): void;
  /** Limits a container to this many request units per second. */
  setRate(database: string, container: string, requestUnitsPerSecond: number): void;
  stats(): CosmosStats;
  /** Frees the port and closes the file; acknowledged writes are in it. */
  stop(): Promise<void>;
}

/** The key every Cosmos DB emulator has; it protects nothing. */
export const emulatorKey = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==";

/** Starts the embedded Cosmos DB server; throws PORT_TAKEN or CONFIGURATION (an unreadable data file). */
export async function startCosmosServer(options: CosmosServerOptions = {}): Promise<CosmosServer> {
  const { port = 8081, host = "localhost", dataFile, clock = Date.now, requestUnitsPerSecond } = options;
  const account = openAccount(dataFile, clock, requestUnitsPerSecond);
  account.onWrite = options.onWrite;
  account.onRefusal = options.onRefusal;
  const http = new HttpServer(account);
  const bound = await listen(http, account, port, host);
  const endpoint = `http://localhost:${bound}/`;
  return {
    port: bound,
    endpoint,
    connectionString: `AccountEndpoint=${endpoint};AccountKey=${emulatorKey};`,
    ensureContainer: (database, container, paths, settings) => ensure(account, database, container, paths, settings),
    inject: (fault) => http.faults.inject(fault),
    setRate: (database, container, units) => {
      account.container(database, container).throughput = throughputOf(units, clock());
    },
    stats: () => http.stats(),
    stop: async () => {
      await http.close();
      account.close();
    },
  };
}

function openAccount(dataFile: string | undefined, clock: () => number, unitsPerSecond: number | undefined): Account {
  try {
    if (dataFile !== undefined) mkdirSync(dirname(dataFile), { recursive: true });
    return new Account(dataFile, clock, unitsPerSecond);
  } catch (cause) {
    throw new TidemarkError("CONFIGURATION", `The Cosmos DB data file "${dataFile}" can't be opened.`, {
      fix: "Check the path and its permissions, or start afresh with another file.",
      cause,
    });
  }
}

async function listen(http: HttpServer, account: Account, port: number, host: string): Promise<number> {
  try {
    return await http.listen(port, host);
  } catch (cause) {
    account.close();
    throw new TidemarkError("PORT_TAKEN", `Port ${port} for Cosmos DB can't be opened.`, {
      fix: "Stop what listens there or choose another port.",
      cause,
    });
  }
}

function ensure(
  account: Account,
  databaseId: string,
  containerId: string,
  paths: readonly string[],
  settings: { readonly defaultTtl?: number } = {},
): void {
  if (!account.databases.has(databaseId)) account.createDatabase(databaseId);
  if (!account.database(databaseId).containers.has(containerId)) {
    account.createContainer(databaseId, { id: containerId, partitionKey: { paths: [...paths] }, ...settings });
  }
  account.commit();
}
