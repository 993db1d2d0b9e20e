import type { ReceivedEventData } from "@azure/event-hubs";
import type { TypedData } from "../protocol.ts";
import { bodyOf } from "./body.ts";

/** Which partition events came from. */
export interface PartitionPlace {
  readonly fullyQualifiedNamespace: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly partitionId: string;
}

export interface EventHubInput {
  readonly triggerMetadata: Record<string, TypedData>;
  readonly sequenceNumbers?: Float64Array;
}

/**
 * The trigger metadata of a batch in the form the real host gives it: parallel arrays, of which those of texts lose
 * their empty entries (so they no longer line up), and times without a zone.
 */
export function batchMetadata(
  events: readonly ReceivedEventData[],
  place: PartitionPlace,
  checkpointing: boolean,
): EventHubInput {
  const sequenceNumbers = new Float64Array(events.length);
  const offsets = new Array<string>(events.length);
  const partitionKeys: string[] = [];
  let times = "[";
  let properties = "[";
  let system = "[";
  const clock = new TimeText();
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as ReceivedEventData;
    const comma = i === 0 ? "" : ",";
    const time = clock.of(event.enqueuedTimeUtc);
    sequenceNumbers[i] = event.sequenceNumber;
    offsets[i] = event.offset;
    if (typeof event.partitionKey === "string" && event.partitionKey !== "") partitionKeys.push(event.partitionKey);
    times += comma + time;
    properties += comma + propertiesJson(event);
    system += comma + systemPropertiesJson(event, time);
  }
  const partition = partitionJson(place, checkpointing);
  return {
    sequenceNumbers,
    triggerMetadata: {
      TriggerPartitionContext: partition,
      PartitionContext: partition,
      PartitionKeyArray: { collectionString: { string: partitionKeys } },
      OffsetArray: { collectionString: { string: offsets.map(numericOffset) } },
      OffsetStringArray: { collectionString: { string: offsets } },
      EnqueuedTimeUtcArray: { json: `${times}]` },
      PropertiesArray: { json: `${properties}]` },
      SystemPropertiesArray: { json: `${system}]` },
    },
  };
}

/** The trigger metadata of one event, for functions with cardinality one. */
export function eventMetadata(event: ReceivedEventData, place: PartitionPlace, checkpointing: boolean): EventHubInput {
  const time = new TimeText().of(event.enqueuedTimeUtc);
  const partition = partitionJson(place, checkpointing);
  return {
    triggerMetadata: {
      TriggerPartitionContext: partition,
      PartitionContext: partition,
      ...(typeof event.partitionKey === "string" ? { PartitionKey: { string: event.partitionKey } } : {}),
      Offset: { string: numericOffset(event.offset) },
      OffsetString: { string: event.offset },
      SequenceNumber: { json: String(event.sequenceNumber) },
      EnqueuedTimeUtc: { json: time },
      Properties: { json: propertiesJson(event) },
      SystemProperties: { json: systemPropertiesJson(event, time) },
    },
  };
}

/** The bodies of a batch; throws for one that is not bytes, as the real host does. */
export function bodiesOf(events: readonly ReceivedEventData[]): Uint8Array[] {
  return events.map(bodyOf);
}

function partitionJson(place: PartitionPlace, checkpointing: boolean): TypedData {
  const context = {
    IsCheckpointingAfterInvocation: checkpointing,
    FullyQualifiedNamespace: place.fullyQualifiedNamespace,
    EventHubName: place.eventHubName,
    ConsumerGroup: place.consumerGroup,
    PartitionId: place.partitionId,
  };
  return { json: JSON.stringify(context) };
}

function propertiesJson(event: ReceivedEventData): string {
  return event.properties === undefined ? "{}" : JSON.stringify(event.properties);
}

// Written by hand because it runs once an event; only the key and the offset need escaping.
function systemPropertiesJson(event: ReceivedEventData, time: string): string {
  const key = typeof event.partitionKey === "string" ? JSON.stringify(event.partitionKey) : "null";
  const others = amqpPropertiesJson(event.systemProperties);
  return (
    `{${others}"SequenceNumber":${event.sequenceNumber},"Offset":${numericOffset(event.offset)},` +
    `"OffsetString":${JSON.stringify(event.offset)},"PartitionKey":${key},"EnqueuedTimeUtc":${time}}`
  );
}

function amqpPropertiesJson(properties: Record<string, unknown> | undefined): string {
  let json = "";
  for (const name in properties) {
    // The client names them in JavaScript's manner, the service in AMQP's.
    const amqpName = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    json += `${JSON.stringify(amqpName)}:${JSON.stringify(properties[name]) ?? "null"},`;
  }
  return json;
}

function numericOffset(offset: string): string {
  return /^\d+$/.test(offset) ? offset : "-1";
}

/** Times as .NET writes those without a zone: no Z, no trailing zeros. Neighbours often share a millisecond. */
class TimeText {
  #ms = Number.NaN;
  #text = "";

  of(time: Date): string {
    const ms = time.getTime();
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = `"${time.toISOString().replace(/\.?0*Z$/, "")}"`;
    }
    return this.#text;
  }
}
