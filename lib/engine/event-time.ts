import type { EventTime, TimeNode } from "../stream/plan.ts";
import { FARTHEST, isoText, parseInstant } from "./instant.ts";
import type { HubEvent } from "./ports.ts";

/** Reads an event's time in milliseconds since the epoch; throws a plain Error when it has none or an absurd one. */
export function eventTimeOf(node: TimeNode, value: unknown, event: HubEvent): number {
  const time = toMilliseconds(node.read(value as never));
  if (time > event.enqueuedTime + node.ahead) {
    throw new Error(
      `the event time ${describe(time)} is ahead of the enqueued time ${describe(event.enqueuedTime)} by more than the allowed ${node.ahead} ms`,
    );
  }
  return time;
}

function toMilliseconds(time: EventTime): number {
  const value = typeof time === "number" ? time : time instanceof Date ? time.getTime() : parseInstant(time);
  if (!(Math.abs(value) <= FARTHEST)) throw new Error(`the event time ${JSON.stringify(time)} is not an instant`);
  return Math.floor(value);
}

function describe(time: number): string {
  return Math.abs(time) <= FARTHEST ? isoText(time) : String(time);
}
