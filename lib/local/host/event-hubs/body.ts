import type { ReceivedEvent } from "./received-event.ts";

/**
 * The bytes of an event's body. An AMQP message may also have a value or a sequence for a body; the real host can't
 * read those, so the batch that holds one fails before it reaches the app.
 */
export function bodyOf({ bodySection, body, sequenceNumber }: ReceivedEvent): Uint8Array {
  if (bodySection === "data") return body;
  throw new Error(
    `The body of event ${sequenceNumber} is an AMQP ${bodySection} section, not data, and can't be given to a function.`,
  );
}
