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
  /** How many producers feed this hub: the reader's watermark waits until it has heard all of them. */
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
  const parts = value.split(";");
  const [producer, generation, sequence, watermark, producers] = parts;
  if (!producer || parts.length < 5 || parts.length > 6 || (parts.length === 6 && parts[5] !== "control")) {
    return undefined;
  }
  const numbers = [generation, sequence, watermark, producers].map(Number);
  if (!numbers.every(Number.isSafeInteger)) return undefined;
  return {
    producer,
    generation: numbers[0] as number,
    sequence: numbers[1] as number,
    watermark: numbers[2] as number,
    producers: numbers[3] as number,
    control: parts.length === 6,
  };
}

/** Reads a marker's watermark in milliseconds since the epoch; undefined when the value is not one. */
export function parseMarker(value: unknown): number | undefined {
  if (value === "end") return END_OF_TIME;
  const number = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}
