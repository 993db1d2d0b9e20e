import type { HubEvent } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { timeReader } from "./iso-time.ts";

/** What one invocation of an Event Hubs trigger brings: events of one partition, in order. */
export interface TriggerBatch {
  readonly partition: string;
  readonly hub: string;
  readonly consumerGroup: string;
  readonly events: readonly HubEvent[];
}

type Bag = Readonly<Record<string, unknown>>;

const NO_PROPERTIES: Bag = Object.freeze({});

/**
 * Turns a trigger's payload (bytes, or an array of them) and metadata into events; throws CONFIGURATION when the
 * function is set up in a way that loses bodies or metadata.
 *
 * Only `systemProperties` is read for what the hub says of an event: it is aligned with the bodies and keeps types,
 * while `partitionKeyArray` drops nulls and turns "123" into a number, and `sequenceNumberArray` holds objects.
 */
export function readBatch(payload: unknown, metadata: Bag | undefined): TriggerBatch {
  if (!metadata) throw unusable("The trigger gave no metadata.", "Register the function with app.eventHub.");
  const many = Array.isArray(payload);
  const bodies: readonly unknown[] = many ? payload : [payload];
  const system = many ? metadata.systemPropertiesArray : [metadata.systemProperties];
  const properties = many ? metadata.propertiesArray : [metadata.properties];
  const known = Array.isArray(system) && Array.isArray(properties);
  if (!known || system.length !== bodies.length || properties.length !== bodies.length) {
    throw unusable(
      `The trigger gave ${bodies.length} bodies, but properties of ${known ? Math.min(system.length, properties.length) : 0}.`,
      'Set cardinality "many" and dataType "binary": any other data type drops empty bodies.',
    );
  }
  return { ...readPlace(metadata), events: readEvents(bodies, system, properties) };
}

function readPlace(metadata: Bag): Omit<TriggerBatch, "events"> {
  const context = metadata.partitionContext ?? metadata.triggerPartitionContext;
  const { partitionId, eventHubName, consumerGroup } = (context ?? {}) as Bag;
  if (typeof partitionId !== "string" && typeof partitionId !== "number") {
    throw unusable(
      "The trigger's metadata does not name the partition.",
      'Use version 5 or later of the Event Hubs extension: extension bundle "[4.*, 5.0.0)" in host.json.',
    );
  }
  return { partition: String(partitionId), hub: String(eventHubName), consumerGroup: String(consumerGroup) };
}

function readEvents(bodies: readonly unknown[], system: readonly unknown[], properties: readonly unknown[]) {
  const readTime = timeReader();
  const events: HubEvent[] = new Array(bodies.length);
  for (let i = 0; i < bodies.length; i++) {
    const body = bodies[i];
    if (!(body instanceof Uint8Array)) {
      throw unusable(
        `The trigger gave a body as ${typeof body} instead of bytes.`,
        'Set dataType "binary": with any other data type, a body that is not text is damaged or fails the whole batch.',
      );
    }
    const known = (system[i] ?? NO_PROPERTIES) as Bag;
    const sequenceNumber = Number(known.sequenceNumber ?? Number.NaN);
    const enqueuedTime = readTime(known.enqueuedTimeUtc ?? known.enqueuedTime);
    if (!Number.isSafeInteger(sequenceNumber) || Number.isNaN(enqueuedTime)) {
      throw unusable(
        `The trigger's system properties of event ${i} lack a sequence number or an enqueued time.`,
        'Use version 5 or later of the Event Hubs extension: extension bundle "[4.*, 5.0.0)" in host.json.',
      );
    }
    const key = known.partitionKey;
    events[i] = {
      sequenceNumber,
      enqueuedTime,
      partitionKey: key === null || key === undefined ? undefined : String(key),
      properties: (properties[i] ?? NO_PROPERTIES) as Bag,
      body,
    };
  }
  return events;
}

function unusable(what: string, fix: string): TidemarkError {
  return new TidemarkError("CONFIGURATION", what, { fix });
}
