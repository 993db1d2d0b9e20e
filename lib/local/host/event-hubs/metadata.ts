import type { TypedData } from "../protocol.ts";
import { JsonText } from "./json-text.ts";
import type { ReceivedEvent } from "./received-event.ts";

/** Which partition events came from. */
export interface PartitionPlace {
  readonly fullyQualifiedNamespace: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  readonly partitionId: string;
}

export interface EventHubInput {
  readonly triggerMetadata: Record<string, TypedData>;
  /** More of the metadata: JSON as bytes. */
  readonly jsonMetadata?: Readonly<Record<string, Buffer>>;
  readonly sequenceNumbers?: Float64Array;
}

/**
 * The trigger metadata of a batch in the form the real host gives it: parallel arrays, of which those of texts lose
 * their empty entries (so they no longer line up), and times without a zone.
 */
export function batchMetadata(
  events: readonly ReceivedEvent[],
  place: PartitionPlace,
  checkpointing: boolean,
): EventHubInput {
  const sequenceNumbers = new Float64Array(events.length);
  const values = new ValueTexts();
  const offsets = new JsonArray();
  const offsetStrings = new JsonArray();
  const partitionKeys = new JsonArray();
  const times = new JsonArray();
  const properties = new JsonArray();
  const system = new JsonArray();
  const clock = new TimeText();
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as ReceivedEvent;
    const time = clock.of(event.enqueuedTime);
    const { offset, partitionKey } = event;
    const numeric = numericOffset(offset);
    sequenceNumbers[i] = event.sequenceNumber;
    offsets.item().add(numeric);
    offsetStrings.item().add(numeric === offset ? offset : values.of(offset));
    if (partitionKey) partitionKeys.item().add(values.of(partitionKey));
    times.item().add(time);
    properties.item().add(propertiesJson(event));
    addSystemProperties(system.item(), event, numeric, time);
  }
  const partition = partitionJson(place, checkpointing);
  return {
    sequenceNumbers,
    triggerMetadata: { TriggerPartitionContext: partition, PartitionContext: partition },
    jsonMetadata: {
      PartitionKeyArray: partitionKeys.end(),
      OffsetArray: offsets.end(),
      OffsetStringArray: offsetStrings.end(),
      EnqueuedTimeUtcArray: times.end(),
      PropertiesArray: properties.end(),
      SystemPropertiesArray: system.end(),
    },
  };
}

class JsonArray {
  readonly #text = new JsonText();
  #empty = true;

  /** Where the next item's JSON is to be added. */
  item(): JsonText {
    this.#text.add(this.#empty ? "[" : ",");
    this.#empty = false;
    return this.#text;
  }

  end(): Buffer {
    this.#text.add(this.#empty ? "[]" : "]");
    return this.#text.toBytes();
  }
}

/** The trigger metadata of one event, for functions with cardinality one. */
export function eventMetadata(event: ReceivedEvent, place: PartitionPlace, checkpointing: boolean): EventHubInput {
  const time = new TimeText().of(event.enqueuedTime);
  const partition = partitionJson(place, checkpointing);
  return {
    triggerMetadata: {
      TriggerPartitionContext: partition,
      PartitionContext: partition,
      ...(event.partitionKey === undefined ? {} : { PartitionKey: { string: event.partitionKey } }),
      Offset: { string: numericOffset(event.offset) },
      OffsetString: { string: event.offset },
      SequenceNumber: { json: String(event.sequenceNumber) },
      EnqueuedTimeUtc: { json: time },
      Properties: { json: propertiesJson(event) },
      SystemProperties: { json: systemPropertiesJson(event, time) },
    },
  };
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

function propertiesJson(event: ReceivedEvent): string {
  return event.properties === undefined ? "{}" : JSON.stringify(event.properties);
}

function systemPropertiesJson(event: ReceivedEvent, time: string): string {
  const text = new JsonText();
  addSystemProperties(text, event, numericOffset(event.offset), time);
  return text.toBytes().toString("latin1");
}

// Written by hand because it runs once an event; only the key and an unusual offset need escaping.
function addSystemProperties(text: JsonText, event: ReceivedEvent, numeric: string, time: string): void {
  const { offset, partitionKey } = event;
  text.add("{");
  if (event.systemProperties !== undefined) text.add(amqpPropertiesJson(event.systemProperties));
  text.add('"SequenceNumber":');
  text.add(String(event.sequenceNumber));
  text.add(',"Offset":');
  text.add(numeric);
  text.add(',"OffsetString":');
  if (numeric === offset) {
    text.add('"');
    text.add(offset);
    text.add('"');
  } else {
    text.add(JSON.stringify(offset));
  }
  text.add(',"PartitionKey":');
  text.add(partitionKey === undefined ? "null" : JSON.stringify(partitionKey));
  text.add(',"EnqueuedTimeUtc":');
  text.add(time);
  text.add("}");
}

function amqpPropertiesJson(properties: Readonly<Record<string, unknown>>): string {
  let json = "";
  for (const name in properties) json += `${JSON.stringify(name)}:${JSON.stringify(properties[name]) ?? "null"},`;
  return json;
}

function numericOffset(offset: string): string {
  return /^(0|[1-9]\d*)$/.test(offset) ? offset : "-1";
}

/** Times as .NET writes those without a zone: no Z, no trailing zeros. Neighbours often share a millisecond. */
class TimeText {
  #ms = Number.NaN;
  #text = "";

  of(ms: number): string {
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = `"${new Date(ms).toISOString().replace(/\.?0*Z$/, "")}"`;
    }
    return this.#text;
  }
}

/**
 * Texts of a collection as JSON. The real host sends them one by one, and `@azure/functions` makes of each what it is
 * as JSON, or the text itself when it is none: "123" becomes a number. Finding out by an exception takes longer than all
 * else that is done for an event, so the outcome is sent in its place.
 */
class ValueTexts {
  readonly #known = new Map<string, string>();

  of(text: string): string {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const json = isJson(text) ? text : JSON.stringify(text);
    this.#known.set(text, json);
    return json;
  }
}

function isJson(text: string): boolean {
  if (!/^[\s[{"\-\dtfn]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
