import type { ReceivedEventData } from "@azure/event-hubs";

/**
 * The bytes of an event's body. An AMQP message may also have a value or a sequence for a body; the real host can't
 * read those, so the batch that holds one fails before it reaches the app.
 */
export function bodyOf(event: ReceivedEventData): Uint8Array {
  const body: unknown = event.body;
  const raw = event.getRawAmqpMessage();
  // The client calls bytes in a value section data too; only its raw message tells them apart.
  if (raw.bodyType === "data" && !(raw.body instanceof Uint8Array)) {
    if (body instanceof Uint8Array) return body;
    if (body === null || body === undefined) return NOTHING;
    // A body may come in several data sections.
    if (Array.isArray(body) && body.every((part) => part instanceof Uint8Array)) return Buffer.concat(body);
  }
  const section = raw.bodyType === "data" ? "value" : raw.bodyType;
  throw new Error(
    `The body of event ${event.sequenceNumber} is an AMQP ${section} section, not data, ` +
      "and can't be given to a function.",
  );
}

const NOTHING = Buffer.alloc(0);
