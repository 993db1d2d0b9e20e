import { eventTimeOf } from "../../engine/event-time.ts";
import { MARKER_PROPERTY } from "../../engine/headers.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import type { SourceNode } from "../../stream/plan.ts";
import { validate } from "../../stream/schema.ts";
import { encodeEvent } from "../test-driver.ts";
import { mulberry32 } from "../virtual-world.ts";
import { START_TIME } from "./cluster.ts";
import type { SimEvent } from "./config.ts";

export interface PublishingOptions {
  readonly hub: string;
  readonly seed: number;
  readonly events: readonly unknown[];
  readonly partitions: number;
  readonly partitionKey: ((event: never) => string) | undefined;
}

type Unpublished = Omit<SimEvent, "at">;

/** A user's events, each with its partition and the moment at which it is published; markers end what does not end itself. */
export function publish(options: PublishingOptions, source: SourceNode): readonly SimEvent[] {
  const { seed, hub, partitions } = options;
  const random = mulberry32(seed ^ 0xe7e17);
  const events = toPartitions(options);
  const idle = source.time?.idle;
  const published = idle === undefined ? inTurn(events, random) : withSilences(events, source, idle, random);
  const at = (published.at(-1)?.at ?? 0) + 2_000;
  const markers = Array.from({ length: partitions }, (_, partition): SimEvent => {
    return { hub, partition, at, body: new Uint8Array(0), properties: { [MARKER_PROPERTY]: "end" } };
  });
  const silent = ({ partition }: SimEvent): boolean => !events.some((event) => event.partition === partition);
  return [...published, ...(idle === undefined ? markers : markers.filter(silent))];
}

function toPartitions({ hub, events, partitions, partitionKey }: PublishingOptions): readonly Unpublished[] {
  return events.map((event, index): Unpublished => {
    const key = partitionKey?.(event as never);
    const partition = key === undefined ? index % partitions : partitionForKey(key, partitions);
    return { hub, partition, body: encodeEvent(event), partitionKey: key };
  });
}

/** One after the other, with pauses now and then. */
function inTurn(events: readonly Unpublished[], random: () => number): readonly SimEvent[] {
  let at = 0;
  return events.map((event): SimEvent => {
    at += pause(random);
    return { ...event, at };
  });
}

function pause(random: () => number): number {
  return random() < 0.06 ? Math.floor(random() * 12_000) : Math.floor(random() * 150);
}

/** How often a partition is silent for so long that event time moves, where it may. */
const SILENCES = 0.15;
const LONGEST_SILENCE_MS = 5 * 60_000;

/** Each partition at its own pace. */
function withSilences(
  events: readonly Unpublished[],
  source: SourceNode,
  idle: number,
  random: () => number,
): readonly SimEvent[] {
  const byPartition = Map.groupBy(events, ({ partition }) => partition);
  const published = [...byPartition.values()].flatMap((own) => ofPartition(own, source, idle, random));
  return published.sort((a, b) => a.at - b.at);
}

/**
 * How far silence has moved event time when an event comes depends on who looked, and when. Results must not: so an
 * event comes before silence counts, or no later than that silence cannot have moved event time beyond it, nor beyond
 * any that follows. Then no event is late for having been waited for.
 */
function ofPartition(
  events: readonly Unpublished[],
  source: SourceNode,
  idle: number,
  random: () => number,
): readonly SimEvent[] {
  const times = events.map((event) => timeOf(event, source));
  const earliest = earliestFrom(times);
  const bound = source.time?.watermark.kind === "out-of-order" ? source.time.watermark.bound : 0;
  let at = 0;
  // At most: where nothing throws, and everybody looks in time.
  let watermark = Number.NEGATIVE_INFINITY;
  return events.map((event, index): SimEvent => {
    const most = Math.min((earliest[index] as number) - watermark, idle + LONGEST_SILENCE_MS);
    const silence = random() < SILENCES && most > idle ? idle + Math.floor(random() * (most - idle)) : 0;
    at += silence > 0 ? silence : Math.max(0, Math.min(pause(random), idle - 1));
    const time = times[index] ?? Number.NEGATIVE_INFINITY;
    watermark = Math.max(watermark + silence, time - bound);
    return { ...event, at };
  });
}

const NEVER = Number.POSITIVE_INFINITY;

/** The earliest time of each event and all that follow. */
function earliestFrom(times: readonly (number | undefined)[]): readonly number[] {
  let earliest = NEVER;
  return times
    .map((_, index) => {
      earliest = Math.min(earliest, times[times.length - 1 - index] ?? NEVER);
      return earliest;
    })
    .reverse();
}

/** An event's time, where the source can read it. */
function timeOf({ body }: Unpublished, { schema, time }: SourceNode): number | undefined {
  if (time === undefined) return undefined;
  try {
    const value = validate(schema, JSON.parse(Buffer.from(body).toString()));
    const event = { sequenceNumber: 0, enqueuedTime: START_TIME, body, properties: {}, partitionKey: undefined };
    return eventTimeOf({ ...time, ahead: NEVER }, value, event);
  } catch {
    return undefined;
  }
}
