import type { HubEvent } from "./ports.ts";

/** What a batch means to a task that expects a certain sequence number next. */
export interface Alignment {
  /** Events at the batch's start that are committed already. */
  readonly repeated: number;
  /** Sequence numbers between the expected one and the batch's first new event: [from, to), or undefined. */
  readonly gap: { readonly from: number; readonly to: number } | undefined;
  readonly fresh: readonly HubEvent[];
}

/** A batch in the order of its sequence numbers, each once: whoever hands it over may have mixed them up. */
export function inOrder(events: readonly HubEvent[]): readonly HubEvent[] {
  const isBehind = ({ sequenceNumber }: HubEvent, i: number): boolean => {
    return i === 0 || sequenceNumber > (events[i - 1] as HubEvent).sequenceNumber;
  };
  if (events.every(isBehind)) return events;
  const bySequence = new Map(events.map((event) => [event.sequenceNumber, event]));
  return [...bySequence.values()].sort((a, b) => a.sequenceNumber - b.sequenceNumber);
}

/** Compares a batch, in order of sequence numbers, with the position of the task. */
export function align(position: number, events: readonly HubEvent[]): Alignment {
  let repeated = 0;
  while (repeated < events.length && (events[repeated] as HubEvent).sequenceNumber < position) repeated++;
  const fresh = repeated === 0 ? events : events.slice(repeated);
  const next = fresh[0]?.sequenceNumber;
  const gap = next !== undefined && next > position ? { from: position, to: next } : undefined;
  return { repeated, gap, fresh };
}

/** Cuts events where sequence numbers are missing between them. */
export function contiguous(events: readonly HubEvent[]): readonly (readonly HubEvent[])[] {
  const first = events[0];
  const last = events.at(-1);
  if (first === undefined || last === undefined) return [];
  if (last.sequenceNumber - first.sequenceNumber === events.length - 1) return [events];
  const runs: HubEvent[][] = [];
  let expected = Number.NaN;
  for (const event of events) {
    if (event.sequenceNumber === expected) runs.at(-1)?.push(event);
    else runs.push([event]);
    expected = event.sequenceNumber + 1;
  }
  return runs;
}
