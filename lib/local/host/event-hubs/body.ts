import type { ReceivedEventData } from "@azure/event-hubs";

/**
 * The bytes of an event's body. An AMQP message may also have a value or a sequence for a body; the real host can't
 * read those, so the batch that holds one fails before it reaches the app.
 */
export function bodyOf(event: ReceivedEventData): Uint8Array {
  const body: unknown = event.body;
  const { bodyType } = event.getRawAmqpMessage();
  if (bodyType === "data" || bodyType === undefined) {
    if (body instanceof Uint8Array) return body;
    if (body === null || body === undefined) return NOTHING;
    // A body may come in several data sections.
    if (Array.isArray(body) && body.every((part) => part instanceof Uint8Array)) return Buffer.concat(body);
  }
  throw new Error(
    `The body of event ${event.sequenceNumber} is an AMQP ${bodyType ?? typeof body} section, not data, ` +
      "and can't be given to a function.",
  );
}

const NOTHING = Buffer.alloc(0);
