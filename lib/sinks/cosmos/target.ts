import type { Container, CosmosClient } from "@azure/cosmos";
import type { World } from "../../engine/ports.ts";
import { messageOf, TidemarkError } from "../../errors.ts";
import { adviceFor, backOff } from "../backoff.ts";
import { BulkLane } from "./bulk-lane.ts";
import { answerOfError } from "./outcome.ts";

export interface CosmosTargetOptions {
  readonly connection: string;
  readonly databaseName: string;
  readonly containerName: string;
  readonly partitionKey: readonly string[];
}

/** Requests in flight to one container, all tasks of the process together; up to 100 documents in each. */
const REQUESTS_IN_FLIGHT = 16;

const OPEN_ATTEMPTS = 5;
const NEVER = new AbortController().signal;

const targets = new WeakMap<CosmosClient, Map<string, Promise<BulkLane>>>();

/**
 * The lane to a container, checked once in a process: throws CONFIGURATION when the account takes writes in several
 * regions or the container has another partition key, NOT_FOUND when it is missing, UNAVAILABLE when no answer came.
 */
export async function openTarget(client: CosmosClient, options: CosmosTargetOptions, world: World): Promise<BulkLane> {
  const byName = targets.get(client) ?? new Map<string, Promise<BulkLane>>();
  targets.set(client, byName);
  const name = JSON.stringify([options.databaseName, options.containerName, options.partitionKey]);
  const known = byName.get(name);
  if (known !== undefined) return known;
  const opening = check(client, options, world);
  byName.set(name, opening);
  opening.catch(() => byName.delete(name));
  return opening;
}

async function check(client: CosmosClient, options: CosmosTargetOptions, world: World): Promise<BulkLane> {
  const container = client.database(options.databaseName).container(options.containerName);
  await patiently(world, () => refuseSeveralWriteRegions(client, options));
  await patiently(world, () => checkPartitionKey(container, options));
  return new BulkLane(container, REQUESTS_IN_FLIGHT);
}

/** Tries a few times: the account may be busy just when a task opens. */
async function patiently(world: World, ask: () => Promise<void>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TidemarkError) || !error.retryable || attempt + 1 >= OPEN_ATTEMPTS) throw error;
      await backOff(world, attempt, answerOfError(error.cause).retryAfter, NEVER);
    }
  }
}

async function refuseSeveralWriteRegions(client: CosmosClient, { connection }: CosmosTargetOptions): Promise<void> {
  const { resource } = await client.getDatabaseAccount().catch((error: unknown) => {
    throw notReached(connection, error);
  });
  const regions = resource?.writableLocations.length ?? 1;
  if (!resource?.enableMultipleWritableLocations && regions <= 1) return;
  throw new TidemarkError(
    "CONFIGURATION",
    `The Cosmos DB account of ${connection} takes writes in several regions: two writers could both win, and the fence would not hold.`,
    { fix: "Use an account with one write region." },
  );
}

async function checkPartitionKey(container: Container, options: CosmosTargetOptions): Promise<void> {
  const target = `${options.databaseName}/${options.containerName}`;
  const { resource } = await container.read().catch((error: unknown) => {
    if (answerOfError(error).status !== 404) throw notReached(options.connection, error);
    throw new TidemarkError("NOT_FOUND", `There is no Cosmos DB container ${target} (${options.connection}).`, {
      fix: `Create it with the partition key ${options.partitionKey.join(", ")}.`,
      cause: error,
    });
  });
  const paths = resource?.partitionKey?.paths ?? [];
  if (paths.join() === options.partitionKey.join()) return;
  throw new TidemarkError(
    "CONFIGURATION",
    `The Cosmos DB container ${target} has the partition key ${paths.join(", ")}, the sink says ${options.partitionKey.join(", ")}.`,
    { fix: "Correct partitionKey in the sink, or create the container anew." },
  );
}

function notReached(connection: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    "UNAVAILABLE",
    `The Cosmos DB account of ${connection} does not answer: ${messageOf(cause)}.`,
    { retryable: true, cause, fix: adviceFor(cause) },
  );
}
