import type { ReceivedEventData } from "@azure/event-hubs";
import type { HubEvent } from "../engine/ports.ts";

const NO_PROPERTIES: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * Turns a received event into the form that the trigger gives: the same bytes, lower-case first letters of property
 * names, binary properties as base64, timestamps as ISO 8601 text.
 *
 * A body that is no AMQP data section never arrives by the trigger: the host refuses the batch that holds it, so that
 * the batch is read again here. Text becomes its UTF-8 bytes, anything else JSON.
 */
export function toHubEvent(received: ReceivedEventData): HubEvent {
  // The SDK's own `properties` turns binary values into objects.
  const properties = received.getRawAmqpMessage().applicationProperties;
  return {
    sequenceNumber: received.sequenceNumber,
    enqueuedTime: received.enqueuedTimeUtc.getTime(),
    partitionKey: received.partitionKey ?? undefined,
    properties: properties ? toProperties(properties) : NO_PROPERTIES,
    body: toBytes(received.body),
  };
}

function toBytes(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body === null || body === undefined) return new Uint8Array();
  if (typeof body === "string") return Buffer.from(body);
  // A message may consist of several data sections.
  if (Array.isArray(body) && body.length > 0 && body.every((part) => part instanceof Uint8Array)) {
    return Buffer.concat(body);
  }
  return Buffer.from(JSON.stringify(body));
}

function toProperties(properties: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(properties)) {
    result[name.charAt(0).toLowerCase() + name.slice(1)] = toProperty(value);
  }
  return result;
}

function toProperty(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  // .NET leaves out trailing zeros.
  if (value instanceof Date) return value.toISOString().replace(/\.?0+Z$/, "Z");
  if (Array.isArray(value)) return value.map(toProperty);
  if (typeof value === "object" && value !== null) return toProperties(value as Record<string, unknown>);
  return value;
}
