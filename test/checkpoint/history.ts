import assert from "node:assert/strict";
import type { Recovered } from "../../lib/checkpoint/index.ts";
import type { Frame, FrameStamp, OutboxEntry, StateContents } from "../../lib/engine/frame.ts";
import { LEDGER, plain, START } from "./support.ts";

type PlainState = Record<string, Record<string, Record<string, unknown>>>;

interface Attempt {
  readonly id: string;
  readonly frame: Frame;
  readonly opening: number;
  /** The state after it, as its owner sees it. */
  readonly state: PlainState;
  readonly previous: string | undefined;
  stamp: FrameStamp | undefined;
}

interface Opening {
  readonly fence: number;
}

/**
 * What everybody tried, and what of it an opening shows to have been accepted: every frame writes its own name and the
 * name of the frame before it into the state, so that the accepted frames can be told from the state alone.
 */
export class History {
  readonly #attempts = new Map<string, Attempt>();
  readonly #openings: Opening[] = [];

  get openings(): number {
    return this.#openings.length;
  }

  get confirmedFrames(): number {
    return [...this.#attempts.values()].filter(({ stamp }) => stamp).length;
  }

  /** Checks what an opening recovered and returns what its owner tries next. */
  opened(recovered: Recovered): Owner {
    const accepted = this.#acceptedIn(recovered.state);
    const newest = accepted.at(-1);
    assert.deepEqual(plain(recovered.state), newest?.state ?? {}, "the state is the fold of the accepted frames");
    assert.equal(recovered.position, newest?.frame.position ?? START.position);
    assert.equal(recovered.confirmed, newest?.frame.confirmed ?? 0);
    assert.deepEqual(recovered.start, START);
    assert.equal(recovered.generation, 1);
    this.#checkPending(recovered, accepted);
    const number = this.#openings.push({ fence: recovered.sequence }) - 1;
    return new Owner(this.#attempts, number, recovered, accepted);
  }

  /** Checks the whole history against what the last opening recovered. */
  check(final: Recovered): void {
    const accepted = this.#acceptedIn(final.state);
    const ids = new Set(accepted.map(({ id }) => id));
    for (const { id, stamp, opening } of this.#attempts.values()) {
      if (stamp === undefined) continue;
      assert.ok(ids.has(id), `the confirmed frame ${id} is there`);
      const own = (this.#openings[opening] as Opening).fence;
      const between = this.#openings.find(({ fence }) => fence > own && fence < stamp.sequence);
      assert.equal(between, undefined, `the frame ${id} was accepted after another owner's fence`);
    }
    const stamps = accepted.flatMap(({ stamp }) => stamp ?? []);
    for (const [index, { sequence }] of stamps.entries()) {
      if (index > 0) assert.ok(sequence > (stamps[index - 1] as FrameStamp).sequence, "sequences grow");
    }
    const fences = this.#openings.map(({ fence }) => fence);
    assert.equal(new Set(fences).size, fences.length, "no two owners have the same fence");
    for (const { sequence } of stamps) assert.ok(!fences.includes(sequence), "no frame has a fence's sequence");
  }

  #acceptedIn(state: StateContents): Attempt[] {
    const frames = state.get("frames")?.get(0) ?? new Map<string, unknown>();
    const chain: Attempt[] = [];
    let id = state.get("newest")?.get(0)?.get("frame") as string | undefined;
    while (id !== undefined) {
      const attempt = this.#attempts.get(id);
      assert.ok(attempt && frames.has(id), `the frame ${id} was tried and is there`);
      chain.unshift(attempt);
      id = attempt.previous;
    }
    assert.equal(chain.length, frames.size, "every frame in the state was built on the one before it");
    return chain;
  }

  #checkPending({ pending, confirmed }: Recovered, accepted: readonly Attempt[]): void {
    for (const { stamp, outbox } of pending) {
      assert.ok(stamp.sequence > confirmed);
      const attempt = accepted.find(({ frame }) => sameOutbox(frame.outbox, outbox));
      assert.ok(attempt, "a pending outbox is one that was committed");
      if (attempt.stamp) assert.deepEqual(stamp, attempt.stamp);
    }
    const sequences = pending.map(({ stamp }) => stamp.sequence);
    assert.deepEqual(
      sequences,
      [...new Set(sequences)].toSorted((a, b) => a - b),
      "pending frames are in order",
    );
    for (const { id, frame, stamp } of accepted) {
      const delivered = frame.outbox.length === 0 || (stamp && stamp.sequence <= confirmed);
      const kept = pending.some(({ outbox }) => sameOutbox(frame.outbox, outbox));
      if (delivered) assert.ok(!kept || frame.outbox.length > 0);
      else if (stamp) assert.ok(kept, `the unconfirmed outbox of ${id} is there`);
    }
  }
}

// A message holds its frame's name, so the first message tells.
function sameOutbox(a: readonly OutboxEntry[], b: readonly OutboxEntry[]): boolean {
  return a.length > 0 && JSON.stringify(a) === JSON.stringify(b);
}

/** One owner after it opened the log. */
export class Owner {
  readonly accepted: readonly Attempt[];
  readonly #attempts: Map<string, Attempt>;
  readonly #opening: number;
  #newest: Attempt | undefined;
  #state: PlainState;
  #position: number;
  #confirmed: number;
  /** The newest sequence that was given out. */
  #sequence: number;
  #count = 0;

  constructor(attempts: Map<string, Attempt>, opening: number, recovered: Recovered, accepted: readonly Attempt[]) {
    this.accepted = accepted;
    this.#attempts = attempts;
    this.#opening = opening;
    this.#newest = accepted.at(-1);
    this.#state = plain(recovered.state);
    this.#position = recovered.position;
    this.#confirmed = recovered.confirmed;
    this.#sequence = recovered.sequence;
  }

  /** A frame that builds on what this owner knows. */
  nextFrame(random: () => number): Frame {
    const id = `${this.#opening}.${++this.#count}`;
    const pick = (below: number): number => Math.floor(random() * below);
    const bucket = pick(3);
    // Long and random now and then, so that the body does not fit into the log.
    const value = pick(5) === 0 ? Array.from({ length: 300 }, () => pick(1e9)) : { id, count: pick(100) };
    const changes = [
      { store: "frames", bucket: 0, entries: [id, this.#newest?.id ?? null] },
      { store: "newest", bucket: 0, entries: ["frame", id] },
      { store: "counts", bucket, entries: [`k${pick(4)}`, value, `k${pick(4)}`, pick(3) === 0 ? undefined : id] },
      ...(pick(4) === 0 ? [{ store: "counts", bucket: pick(3), entries: ["dropped", 1], dropped: true }] : []),
    ];
    const messages = Array.from({ length: pick(5) }, (_, index) => ({ id, index }));
    const outbox =
      pick(2) === 0 && messages.length > 0
        ? [
            { sink: "db", messages },
            { sink: "hub", messages },
          ]
        : [];
    // Every other owner delivers nothing at all.
    const delivers = this.#opening % 2 === 1 && pick(3) === 0;
    const confirmed = delivers ? this.#confirmed + pick(this.#sequence - this.#confirmed + 1) : this.#confirmed;
    const position = this.#position + 1 + pick(5);
    const frame = { position, watermark: position * 10, changes, outbox, confirmed, ledger: LEDGER };
    const state = structuredClone(this.#state);
    applyPlain(state, frame);
    this.#attempts.set(id, { id, frame, opening: this.#opening, state, previous: this.#newest?.id, stamp: undefined });
    return frame;
  }

  /** The log said that the frame is durable. */
  confirmed(frame: Frame, stamp: FrameStamp): void {
    const attempt = [...this.#attempts.values()].find((candidate) => candidate.frame === frame) as Attempt;
    attempt.stamp = stamp;
    assert.ok(stamp.sequence > this.#sequence);
    this.#newest = attempt;
    this.#state = attempt.state;
    this.#position = frame.position;
    this.#confirmed = frame.confirmed;
    this.#sequence = stamp.sequence;
  }
}

/** What a frame does to a state, written down once more and differently from the log's own. */
function applyPlain(state: PlainState, { changes }: Frame): void {
  for (const { store, bucket, entries } of changes) {
    for (const [index, key] of entries.entries()) {
      if (index % 2 === 1) continue;
      const keys = { ...state[store]?.[bucket] };
      if (entries[index + 1] === undefined) delete keys[key as string];
      else keys[key as string] = entries[index + 1];
      state[store] = { ...state[store], [bucket]: keys };
    }
  }
  for (const { store, bucket, dropped } of changes) if (dropped) delete state[store]?.[bucket];
  for (const [store, buckets] of Object.entries(state)) {
    for (const [bucket, keys] of Object.entries(buckets)) if (Object.keys(keys).length === 0) delete buckets[bucket];
    if (Object.keys(buckets).length === 0) delete state[store];
  }
}
