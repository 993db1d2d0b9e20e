import type { FrameStamp, PendingFrame, StateContents } from "../engine/frame.ts";
import { NO_WATERMARK } from "../engine/frame.ts";
import { decodeOutbox, outboxOf } from "./body.ts";
import type { Recovered, StartPoint } from "./checkpoint-log.ts";
import type { LogContext } from "./context.ts";
import { damaged, placeOf } from "./errors.ts";
import { applyBody } from "./fold.ts";
import type { RawFrame } from "./frame-format.ts";
import { hexOf } from "./names.ts";
import { bodyOf } from "./read-frames.ts";
import type { SnapshotRef, Status } from "./records.ts";
import { type PendingBody, readSnapshot } from "./snapshot.ts";
import { unpackStatus } from "./status.ts";

const BODIES_AT_ONCE = 16;

/** The status of a log in which nothing happened yet. */
export function initialStatus(start: StartPoint): Status {
  const { position } = start;
  return {
    start,
    position,
    watermark: NO_WATERMARK,
    confirmed: 0,
    ledger: undefined,
    idleDue: undefined,
    pending: 0,
    openings: 0,
  };
}

/** Whether a frame counts: fences and data frames are numbered, the others carry the number of the one before. */
export function isNumbered(frame: RawFrame): boolean {
  return frame.kind === "fence" || frame.kind === "data";
}

/** Throws LOG_DAMAGED when a frame does not follow the one with this sequence. */
export function assertFollows(sequence: number, frame: RawFrame): void {
  if (frame.sequence === (isNumbered(frame) ? sequence + 1 : sequence)) return;
  throw damaged(`frame ${frame.sequence} follows frame ${sequence}`, frame.blob, frame.offset);
}

/** Folds a log, frame by frame, into what a task needs to go on. */
export class Replay {
  readonly state: StateContents = new Map();
  status: Status;
  sequence = 0;
  #bodies = 0;
  #pending: PendingBody[] = [];
  readonly #context: LogContext;
  readonly #generation: number;

  constructor(context: LogContext, generation: number, start: StartPoint) {
    this.#context = context;
    this.#generation = generation;
    this.status = initialStatus(start);
  }

  /** Begins with a snapshot instead of nothing. */
  async load(ref: SnapshotRef): Promise<void> {
    this.sequence = ref.sequence;
    this.status = await readSnapshot(this.#context, ref, this.#generation, {
      state: async (body, place) => {
        applyBody(this.state, body, place);
        await this.#giveWay();
      },
      pending: (pending) => void this.#pending.push(pending),
    });
  }

  async apply(frame: RawFrame): Promise<void> {
    assertFollows(this.sequence, frame);
    this.sequence = frame.sequence;
    this.status = unpackStatus(frame.status);
    if (frame.kind !== "data") return;
    const body = await bodyOf(this.#context.blobs, frame);
    const place = placeOf(this.#context.task, frame);
    applyBody(this.state, body, place);
    await this.#giveWay();
    const outbox = outboxOf(body, place);
    if (outbox.length > 0) {
      this.#pending.push({ sequence: frame.sequence, nonce: hexOf(frame.nonce), body: outbox, place });
    }
    this.#pending = unconfirmed(this.#pending, this.status.confirmed);
  }

  /** A long recovery must not hold up the other tasks of the process. */
  async #giveWay(): Promise<void> {
    if (++this.#bodies % BODIES_AT_ONCE === 0) await this.#context.world.sleep(0);
  }

  /** Sequences of the frames that are not confirmed, oldest first. */
  pendingSequences(): number[] {
    return this.#pending.map((pending) => pending.sequence);
  }

  /** What was recovered, under the number of this owner's own fence. */
  recovered(fence: number): Recovered {
    const { start, position, watermark, ledger, confirmed, idleDue, openings } = this.status;
    const { state } = this;
    const pending = this.#pending.map((one) => this.#decode(one));
    const generation = this.#generation;
    const openingsWithoutProgress = openings + 1;
    return {
      ...{ start, generation, sequence: fence, position, watermark, state, ledger, confirmed, pending },
      idleDue,
      openingsWithoutProgress,
    };
  }

  #decode({ sequence, nonce, body, place }: PendingBody): PendingFrame {
    const stamp: FrameStamp = { ...this.#context.task, generation: this.#generation, sequence, nonce };
    return { stamp, outbox: decodeOutbox(body, place) };
  }
}

/** The frames after `confirmed`; the list is in order. */
export function unconfirmed<T extends { readonly sequence: number }>(frames: T[], confirmed: number): T[] {
  const first = frames.findIndex((frame) => frame.sequence > confirmed);
  return first === 0 ? frames : first < 0 ? [] : frames.slice(first);
}
