import type { EventData } from "@azure/event-hubs";
import type { FrameStamp } from "../../engine/frame.ts";
import { formatProducerHeader, PRODUCER_PROPERTY } from "../../engine/headers.ts";

/**
 * A message in the outbox: target partition, sequence (dense per task and target), the producer's watermark, key, body.
 * Without body it is a control message, which carries the watermark only.
 */
export type HubMessage = readonly [
  target: number,
  sequence: number,
  watermark: number,
  key: string | null,
  body: Uint8Array | null,
];

const NO_BODY = Buffer.alloc(0);

/** The event that goes over the wire: the body as it is, and the producer's header as a property. */
export function toEventData(message: HubMessage, stamp: FrameStamp, producers: number): EventData {
  const [, sequence, watermark, , body] = message;
  const header = formatProducerHeader({
    producer: `${stamp.pipeline}/${stamp.partition}`,
    generation: stamp.generation,
    sequence,
    watermark,
    producers,
    control: body === null,
  });
  return { body: body === null ? NO_BODY : asBuffer(body), properties: { [PRODUCER_PROPERTY]: header } };
}

// The SDK sends a Buffer as it is; anything else it would turn into JSON text.
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
