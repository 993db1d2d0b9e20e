import { messageOf } from "../../../errors.ts";
import type { WorkInput } from "../executor.ts";
import type { TypedData } from "../protocol.ts";
import { bodyOf } from "./body.ts";
import { batchMetadata, eventMetadata, type PartitionPlace } from "./metadata.ts";
import type { ReceivedEvent } from "./received-event.ts";

/** `json` is what the host does when the binding names no data type. */
export type EventDataType = "binary" | "string" | "json";

export interface InputOptions {
  readonly dataType: EventDataType;
  readonly place: PartitionPlace;
  readonly checkpointing: boolean;
  /** The app asked for empty bodies to be kept in batches of texts. */
  readonly keepEmpty: boolean;
}

/** The value and metadata of a batch for a function with cardinality many; throws when a body can't be converted. */
export function batchInput(events: readonly ReceivedEvent[], options: InputOptions): WorkInput {
  const bodies = events.map(bodyOf);
  const metadata = batchMetadata(events, options.place, options.checkpointing);
  if (options.dataType === "binary") {
    const lengths = Uint32Array.from(bodies, (body) => body.length);
    return { ...metadata, input: { kind: "bodies", lengths }, bodies };
  }
  const texts = bodies.map(textOf);
  if (options.dataType === "string") {
    const kept = options.keepEmpty ? texts : texts.filter((text) => text !== "");
    return { ...metadata, input: { kind: "typed", data: { collectionString: { string: kept } } } };
  }
  for (let i = 0; i < texts.length; i++) requireJson(texts[i] as string, events[i] as ReceivedEvent);
  return { ...metadata, input: { kind: "typed", data: { json: `[${texts.join(",")}]` } } };
}

/** The same for one event. */
export function singleInput(event: ReceivedEvent, options: InputOptions): WorkInput {
  const body = bodyOf(event);
  const metadata = eventMetadata(event, options.place, options.checkpointing);
  if (options.dataType === "binary") return { ...metadata, input: { kind: "body" }, bodies: [body] };
  const text = textOf(body);
  if (options.dataType === "json") requireJson(text, event);
  const data: TypedData = options.dataType === "json" ? { json: text } : { string: text };
  return { ...metadata, input: { kind: "typed", data } };
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
}

function requireJson(text: string, event: ReceivedEvent): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw conversionError(event, messageOf(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw conversionError(event, "it is JSON, but not an object");
  }
}

function conversionError(event: ReceivedEvent, why: string): Error {
  return new Error(
    `Exception while binding the trigger: event ${event.sequenceNumber} can't be converted to an object: ${why}. ` +
      'Binding parameters to complex objects uses JSON; set dataType to "binary" or "string" for other bodies.',
  );
}
