import type { Result } from "./operator.ts";
import type { HubEvent } from "./ports.ts";
import { describeResult } from "./stage-failure.ts";

/** The name of the built-in sink that every pipeline has beside its own: dead letters and late events go there. */
export const SIDE_SINK = "$side";

export type SideKind = "dead-letter" | "late";

/** An event that left the main path: with its original bytes, where it came from, and why. */
export interface SideRecord {
  readonly kind: SideKind;
  readonly pipeline: string;
  /** The stage that refused it; "source" when it never became an event. */
  readonly stage: string;
  readonly partition: string;
  /** -1 for what was no event of the source: a result of a window, or what a sink's service refused. */
  readonly sequenceNumber: number;
  /** Milliseconds since the epoch. */
  readonly enqueuedTime: number;
  /** Milliseconds since the epoch; absent when the event has none. */
  readonly eventTime?: number | undefined;
  /** The watermark that the event was judged by, milliseconds since the epoch. */
  readonly watermark?: number | undefined;
  /** The key under which it was processed, or the partition key it was published with. */
  readonly key?: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly reason: string;
  readonly stack?: string | undefined;
  /** How often the event was tried; absent when once. */
  readonly attempts?: number | undefined;
  /** The original bytes. */
  readonly body: Uint8Array;
}

/** The record of a range of events that retention removed before they were processed. */
export function lossRecord(
  id: { pipeline: string; partition: string },
  from: number,
  to: number,
  now: number,
): SideRecord {
  return {
    kind: "dead-letter",
    ...id,
    stage: "source",
    sequenceNumber: from,
    enqueuedTime: now,
    properties: { from, to: to - 1 },
    reason: `events lost: the hub no longer holds sequence numbers ${from} to ${to - 1}`,
    body: new Uint8Array(0),
  };
}

/** The record of an event that was begun alone several times and ended the process each time. */
export function condemnedRecord(id: { pipeline: string; partition: string }, event: HubEvent): SideRecord {
  return {
    kind: "dead-letter",
    ...id,
    stage: "source",
    sequenceNumber: event.sequenceNumber,
    enqueuedTime: event.enqueuedTime,
    ...(event.partitionKey === undefined ? {} : { key: event.partitionKey }),
    properties: event.properties,
    reason: "the process died each time this event was begun alone: out of memory, an endless loop or a native crash",
    body: event.body,
  };
}

/** Why a result of a window is a dead letter that was emitted alone several times and ended the process each time. */
export function condemnedResult(result: Result): string {
  return `the process died each time the result of ${describeResult(result)} was emitted alone: out of memory, an endless loop or a native crash in the stages behind the window`;
}
