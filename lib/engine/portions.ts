import type { HubEvent } from "./ports.ts";

/** Bytes of bodies that are processed before a commit may be made; an event larger than that goes alone. */
const PORTION_BYTES = 32 * 1024 * 1024;

/** Cuts events into portions that fit into a frame each, also where all of them become dead letters. */
export function portions(events: readonly HubEvent[]): readonly (readonly HubEvent[])[] {
  const cuts: number[] = [];
  let bytes = 0;
  for (const [at, { body }] of events.entries()) {
    bytes += body.length;
    if (bytes <= PORTION_BYTES || at === 0) continue;
    cuts.push(at);
    bytes = body.length;
  }
  if (cuts.length === 0) return [events];
  return [0, ...cuts].map((from, i) => events.slice(from, cuts[i]));
}
