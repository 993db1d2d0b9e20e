import type { EventHubProperties, PartitionProperties } from "@azure/event-hubs";
import type { PartitionBounds } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { hubError } from "./hub-error.ts";

/** What consumers and producers can tell of a hub. */
interface HubClient {
  readonly eventHubName: string;
  getEventHubProperties(options?: { abortSignal?: AbortSignal }): Promise<EventHubProperties>;
  getPartitionProperties(partition: string, options?: { abortSignal?: AbortSignal }): Promise<PartitionProperties>;
}

/** The SDK takes a wrong key for a passing fault and goes on for a minute and a half. */
const PATIENCE_MS = 20_000;

/** When a request is given up; undefined where nobody waits by the real clock. */
export type Limit = () => AbortSignal | undefined;

const byTheClock: Limit = () => AbortSignal.timeout(PATIENCE_MS);

/** Asks what a hub's partition holds; throws UNAVAILABLE, NOT_FOUND or CONFIGURATION. */
export async function readBounds(client: HubClient, partition: string, limit = byTheClock): Promise<PartitionBounds> {
  const abortSignal = limit();
  const options = abortSignal === undefined ? {} : { abortSignal };
  const [hub, part] = await Promise.all([
    client.getEventHubProperties(options),
    client.getPartitionProperties(partition, options),
  ]).catch((cause: unknown) => {
    throw hubError(cause, client.eventHubName, partition);
  });
  const next = part.lastEnqueuedSequenceNumber + 1;
  const bounds = {
    first: part.isEmpty ? next : part.beginningSequenceNumber,
    next,
    hubCreated: hub.createdOn.getTime(),
    partitionCount: hub.partitionIds.length,
    lastEnqueued: part.lastEnqueuedOnUtc.getTime(),
  };
  if ([bounds.first, bounds.next, bounds.hubCreated].every(Number.isSafeInteger)) return bounds;
  throw new TidemarkError("UNAVAILABLE", `Hub "${client.eventHubName}" gave properties that make no sense.`, {
    partition,
    retryable: true,
  });
}
