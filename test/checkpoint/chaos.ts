import assert from "node:assert/strict";
import type { CheckpointLimits, CheckpointLog, CheckpointStore, Recovered } from "../../lib/checkpoint/index.ts";
import { ambiguous, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import type { Frame, FrameStamp } from "../../lib/engine/frame.ts";
import type { World } from "../../lib/engine/ports.ts";
import { TidemarkError } from "../../lib/errors.ts";
import { type BlobHook, type MemoryBlobs, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { mulberry32 } from "../../lib/testing/virtual-world.ts";
import { History } from "./history.ts";
import { SHAPE, start, TASK } from "./support.ts";

/** A random walk of several owners over one log. */
export interface Scenario {
  readonly seed: number;
  readonly workers: number;
  /** Frames that are tried before the trouble stops. */
  readonly frames: number;
  /** Share of calls that go wrong. */
  readonly faults: number;
  /** Chance of a crash at each turn. */
  readonly crashes: number;
  readonly limits: Partial<CheckpointLimits>;
}

export interface Walk {
  readonly blobs: MemoryBlobs;
  readonly openings: number;
  readonly confirmed: number;
  readonly accepted: number;
  readonly faults: Readonly<Record<string, number>>;
}

/** Everything that waits, waits for a turn; which of them gets it is chance. */
class Turns {
  readonly random: () => number;
  readonly #waiting: (() => void)[] = [];

  constructor(seed: number) {
    this.random = mulberry32(seed);
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async run(eachTurn: () => void): Promise<void> {
    for (;;) {
      // All promises that can settle have settled before an immediate runs.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.length === 0) return;
      const [turn] = this.#waiting.splice(Math.floor(this.random() * this.#waiting.length), 1);
      turn?.();
      eachTurn();
    }
  }
}

/** Openings under many faults and few retries may fail for ever: trouble stops after so many turns at the latest. */
const TURNS = 6_000;
const NEVER = new Promise<never>(() => {});

/** Runs a scenario and checks what every opening saw; throws AssertionError when a promise of the log was broken. */
export async function walk(scenario: Scenario): Promise<Walk> {
  const turns = new Turns(scenario.seed);
  const { random } = turns;
  const blobs = memoryBlobs();
  const history = new History();
  const faults: Record<string, number> = { lost: 0, refused: 0, late: 0, crash: 0 };
  let framesLeft = scenario.frames;
  let failure: unknown;

  const hookOf = (life: Life): BlobHook => {
    return async (call, proceed) => {
      await turns.next();
      if (!life.alive) {
        // Sent before the crash: it may still arrive.
        if (random() < 0.5) proceed();
        return NEVER;
      }
      const fault = framesLeft > 0 && random() < scenario.faults ? Math.floor(random() * 3) : -1;
      if (fault === 0) {
        faults.refused = (faults.refused ?? 0) + 1;
        throw ambiguous(call.call, call.blob);
      }
      if (fault === 1) {
        faults.late = (faults.late ?? 0) + 1;
        void landLater(proceed);
        throw ambiguous(call.call, call.blob);
      }
      const result = proceed();
      await turns.next();
      if (!life.alive) return NEVER;
      if (fault !== 2) return result;
      faults.lost = (faults.lost ?? 0) + 1;
      throw ambiguous(call.call, call.blob);
    };
  };
  const landLater = async (proceed: () => unknown): Promise<void> => {
    for (let turnsLeft = Math.floor(random() * 30); turnsLeft > 0; turnsLeft--) await turns.next();
    proceed();
  };

  const liveOn = async (life: Life): Promise<void> => {
    while (framesLeft > 0 && life.alive) {
      const store = storeOf(life);
      const log = await opened(store);
      if (log === undefined) continue;
      const owner = history.opened(log.recovered);
      const count = 1 + Math.floor(random() * 25);
      for (let i = 0; i < count && framesLeft > 0; i++) {
        framesLeft--;
        for (let idle = Math.floor(random() * 3); idle > 0; idle--) await turns.next();
        const frame = owner.nextFrame(random);
        const stamp = await appended(log, frame);
        if (stamp === undefined) {
          await assertDead(log, frame);
          break;
        }
        owner.confirmed(frame, stamp);
      }
      if (random() < 0.5) await log.close();
      // Leaves the log to others for a while, or snapshots would never be finished.
      for (let idle = Math.floor(random() * 150); idle > 0; idle--) await turns.next();
    }
  };
  const storeOf = (life: Life): CheckpointStore => {
    const world: World = {
      now: () => 0,
      sleep: async () => {
        await turns.next();
        if (!life.alive) await NEVER;
      },
      nonce: () => Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
      random,
    };
    return createCheckpointStore({ blobs: blobs.via(hookOf(life)), world, limits: scenario.limits });
  };

  const lives: Life[] = [];
  const beginLife = (index: number): void => {
    const life = { alive: true };
    lives[index] = life;
    liveOn(life).catch((error: unknown) => {
      failure ??= error;
      framesLeft = 0;
    });
  };
  for (let index = 0; index < scenario.workers; index++) beginLife(index);
  let turnsLeft = TURNS;
  await turns.run(() => {
    if (--turnsLeft === 0) framesLeft = 0;
    if (framesLeft <= 0 || random() >= scenario.crashes) return;
    const index = Math.floor(random() * scenario.workers);
    (lives[index] as Life).alive = false;
    faults.crash = (faults.crash ?? 0) + 1;
    beginLife(index);
  });
  if (failure) throw failure;

  const last = { alive: true };
  const store = storeOf(last);
  let seen: Awaited<ReturnType<CheckpointStore["peek"]>>;
  let final: Recovered | undefined;
  const finish = async (): Promise<void> => {
    seen = await store.peek(TASK);
    final = (await store.open(TASK, SHAPE, start)).recovered;
  };
  finish().catch((error: unknown) => {
    failure = error;
  });
  await turns.run(() => {});
  if (failure) throw failure;
  assert.ok(final, "the last opening came to an end");
  const accepted = history.opened(final).accepted.length;
  history.check(final);
  if (accepted > 0) {
    assert.equal(seen?.sequence, final.sequence - 1);
    assert.equal(seen?.position, final.position);
    assert.equal(seen?.confirmed, final.confirmed);
    assert.equal(seen?.pendingFrames, final.pending.length);
  }
  return { blobs, openings: history.openings, confirmed: history.confirmedFrames, accepted, faults };
}

interface Life {
  alive: boolean;
}

async function opened(store: CheckpointStore): Promise<CheckpointLog | undefined> {
  return unlessExpected(store.open(TASK, SHAPE, start), ["UNAVAILABLE"]);
}

async function appended(log: CheckpointLog, frame: Frame): Promise<FrameStamp | undefined> {
  return unlessExpected(log.append(frame), ["UNAVAILABLE", "FENCED"]);
}

/** Whatever ended a log ended it for good. */
async function assertDead(log: CheckpointLog, frame: Frame): Promise<void> {
  await assert.rejects(log.append(frame), { code: "FENCED" });
  assert.equal(await log.superseded(), true);
}

async function unlessExpected<T>(work: Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TidemarkError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
