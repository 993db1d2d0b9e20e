import { END_OF_TIME } from "./frame.ts";

/**
 * What a Tidemark task writes beside every message to another hub, in one application property: the reader drops
 * duplicates by (generation, sequence) and takes the minimum watermark over all producers.
 */
export interface ProducerHeader {
  /** The task that sent it, "pipeline/partition". */
  readonly producer: string;
  readonly generation: number;
  /** Dense per producer and target partition, from 1. */
  readonly sequence: number;
  /** The producer's watermark for this message, milliseconds since the epoch. */
  readonly watermark: number;
  /** How many tasks its pipeline has: the reader's watermark waits until it has heard all of them. */
  readonly producers: number;
  /** True for a message that carries a watermark only and no event. */
  readonly control: boolean;
}

/** The application property that holds a ProducerHeader. Lower case: the trigger lower-cases first letters. */
export const PRODUCER_PROPERTY = "tidemark";

/**
 * The application property of a marker: a message without an event whose value says that no earlier event time
 * follows on this partition. Milliseconds since the epoch, or "end".
 */
export const MARKER_PROPERTY = "tidemark-watermark";

/** The text form of a header: `producer;generation;sequence;watermark;producers`, and `;control` when it has no event. */
export function formatProducerHeader(header: ProducerHeader): string {
  const { producer, generation, sequence, watermark, producers } = header;
  return `${producer};${generation};${sequence};${watermark};${producers}${header.control ? ";control" : ""}`;
}

/** Reads a header; undefined when the property is absent or not one. */
export function parseProducerHeader(value: unknown): ProducerHeader | undefined {
  if (typeof value !== "string") return undefined;
  // By hand, since it is read for every event: taking it apart by a general split costs three times as much.
  const producerEnd = value.indexOf(";");
  const generationEnd = value.indexOf(";", producerEnd + 1);
  const sequenceEnd = value.indexOf(";", generationEnd + 1);
  const watermarkEnd = value.indexOf(";", sequenceEnd + 1);
  if (producerEnd <= 0 || generationEnd < 0 || sequenceEnd < 0 || watermarkEnd < 0) return undefined;
  const control = value.endsWith(CONTROL);
  const generation = integerIn(value, producerEnd + 1, generationEnd);
  const sequence = integerIn(value, generationEnd + 1, sequenceEnd);
  const watermark = integerIn(value, sequenceEnd + 1, watermarkEnd);
  const producers = integerIn(value, watermarkEnd + 1, control ? value.length - CONTROL.length : value.length);
  if (!Number.isSafeInteger(generation + sequence + producers) || !Number.isSafeInteger(watermark)) return undefined;
  return { producer: value.slice(0, producerEnd), generation, sequence, watermark, producers, control };
}

const CONTROL = ";control";
const ZERO = 48;
const MINUS = 45;

/** The decimal integer that stands between two places of a text; NaN when something else does. */
function integerIn(text: string, from: number, to: number): number {
  const negative = text.charCodeAt(from) === MINUS;
  const first = negative ? from + 1 : from;
  if (first >= to) return Number.NaN;
  let number = 0;
  for (let at = first; at < to; at++) {
    const digit = text.charCodeAt(at) - ZERO;
    if (!(digit >= 0 && digit <= 9)) return Number.NaN;
    number = number * 10 + digit;
  }
  return negative ? -number : number;
}

/** Reads a marker's watermark in milliseconds since the epoch; undefined when the value is not one. */
export function parseMarker(value: unknown): number | undefined {
  if (value === "end") return END_OF_TIME;
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}
