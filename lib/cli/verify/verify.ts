import { CosmosClient } from "@azure/cosmos";
import { EventHubConsumerClient } from "@azure/event-hubs";
import { BlobServiceClient } from "@azure/storage-blob";
import { TIDEMARK_CONTAINER } from "../../azure/checkpoints.ts";
import type { LogStatus } from "../../checkpoint/checkpoint-log.ts";
import { airportsCsv, parseAirports } from "../flights/airports.ts";
import { FLIGHTS_HUB, RESULTS } from "../pipelines.ts";
import { compareDocuments } from "./compare-documents.ts";
import { compareLedgers } from "./compare-ledgers.ts";
import { compareSideOutputs } from "./compare-side-outputs.ts";
import { Differences } from "./differences.ts";
import { FlightsFold } from "./fold-flights.ts";
import { type PipelineLedger, sumLedgers } from "./ledgers.ts";
import { readPartition } from "./read-partition.ts";

export interface VerifyOptions {
  /** How to reach the services; the names of the app's settings. */
  readonly settings: Readonly<Record<"EventHubConnection" | "CosmosConnection" | "TidemarkStorage", string>>;
  /** The end state of every task, by pipeline. */
  readonly logs: Readonly<Record<string, readonly LogStatus[]>>;
  /** False when nothing was written to Cosmos DB. */
  readonly documents: boolean;
}

export interface Verification {
  readonly events: number;
  readonly malformed: number;
  readonly duplicates: number;
  readonly late: number;
  readonly deadLettered: number;
  /** Documents found. */
  readonly results: number;
  readonly differences: number;
  /** The first differences in words. */
  readonly firstDifferences: readonly string[];
  readonly ledgers: Readonly<Record<string, PipelineLedger>>;
  readonly balanced: boolean;
}

/**
 * Reads everything that was published again, computes by a plain fold what should have become of it, and compares that
 * with the documents, the side outputs and the ledgers.
 */
export async function verify(options: VerifyOptions): Promise<Verification> {
  const { settings, logs } = options;
  const fold = await foldFlights(settings.EventHubConnection);
  const differences = new Differences();
  const results = options.documents ? await compareResults(settings.CosmosConnection, fold, differences) : 0;
  const side = BlobServiceClient.fromConnectionString(settings.TidemarkStorage).getContainerClient(TIDEMARK_CONTAINER);
  const found = await compareSideOutputs(side, fold.sideOutputs(), differences);
  const ledgers = Object.fromEntries(Object.entries(logs).map(([name, tasks]) => [name, sumLedgers(tasks)]));
  const balanced = compareLedgers(ledgers, fold, differences);
  return {
    events: fold.events,
    malformed: fold.malformed.length,
    duplicates: fold.duplicates,
    late: fold.undecidable.length + fold.lateForHour.length,
    deadLettered: found.delays?.["dead-letter"] ?? 0,
    results,
    differences: differences.count,
    firstDifferences: differences.first,
    ledgers,
    balanced,
  };
}

async function foldFlights(connectionString: string): Promise<FlightsFold> {
  const fold = new FlightsFold(new Map(parseAirports(await airportsCsv()).map((airport) => [airport.iata, airport])));
  const client = new EventHubConsumerClient("$Default", connectionString, FLIGHTS_HUB);
  try {
    const ids = await client.getPartitionIds();
    await Promise.all(ids.map((id) => readPartition(client, id, fold.partition(id))));
  } finally {
    await client.close();
  }
  return fold;
}

async function compareResults(connectionString: string, fold: FlightsFold, differences: Differences): Promise<number> {
  const client = new CosmosClient(connectionString);
  try {
    const database = client.database(RESULTS.database);
    const delays = database.container(RESULTS.delays);
    const routes = database.container(RESULTS.routes);
    return (
      (await compareDocuments(delays, "origin", fold.delays.documents, differences)) +
      (await compareDocuments(routes, "route", fold.routes.documents, differences))
    );
  } finally {
    client.dispose();
  }
}
