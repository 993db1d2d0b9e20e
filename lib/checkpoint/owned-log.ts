import type { Frame, FrameStamp } from "../engine/frame.ts";
import { TidemarkError } from "../errors.ts";
import { writeBody } from "./body.ts";
import type { CheckpointLog, Recovered } from "./checkpoint-log.ts";
import type { ByteWriter } from "./columns/byte-writer.ts";
import type { LogContext } from "./context.ts";
import { damaged, fenced, tooLarge } from "./errors.ts";
import { FRAME_COMPRESSED_FROM } from "./limits.ts";
import type { LogWriter, Written } from "./log-writer.ts";
import { hexOf } from "./names.ts";
import type { Status } from "./records.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";

/** A log in the hands of its owner. The first failure of an append ends it: what is in memory may then be wrong. */
export class OwnedLog implements CheckpointLog {
  readonly recovered: Recovered;
  readonly #context: LogContext;
  readonly #writer: LogWriter;
  readonly #keeper: SnapshotKeeper;
  #confirmed: number;
  #pending: number[];
  #dead: TidemarkError | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(context: LogContext, writer: LogWriter, keeper: SnapshotKeeper, recovered: Recovered, pending: number[]) {
    this.#context = context;
    this.#writer = writer;
    this.#keeper = keeper;
    this.recovered = recovered;
    this.#confirmed = recovered.confirmed;
    this.#pending = pending;
  }

  append(frame: Frame): Promise<FrameStamp> {
    return this.#inTurn(() => this.#append(frame));
  }

  superseded(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#dead) return true;
      const { segment, position } = this.#writer.end;
      return (await this.#context.blobs.size(segment)) !== position;
    });
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      this.#dead ??= fenced(this.#context.task, "it was closed");
    });
    await this.#keeper.close();
  }

  async #append(frame: Frame): Promise<FrameStamp> {
    if (this.#dead) throw this.#dead;
    if (this.#keeper.trouble) throw this.#die(this.#keeper.trouble);
    this.#assertConfirmed(frame.confirmed);
    const pending = this.#pendingWith(frame);
    const status = this.#status(frame, pending.length);
    const written = await this.#write(status, frame);
    this.#confirmed = frame.confirmed;
    this.#pending = pending;
    const { sequence, nonce } = written;
    return { ...this.#context.task, generation: this.#writer.generation, sequence, nonce: hexOf(nonce) };
  }

  async #write(status: Status, frame: Frame): Promise<Written> {
    const snapshot = this.#keeper.finished;
    let written: Written;
    try {
      written = await this.#writer.append("data", status, (bytes) => this.#writeBody(bytes, frame), snapshot);
    } catch (error) {
      // A limit is checked before anything is sent: the log stays usable.
      if (error instanceof TidemarkError && error.code === "LIMIT_EXCEEDED") throw error;
      throw this.#die(error);
    }
    const { outcome, closed } = written;
    if (outcome === "short") throw this.#die(this.#shortened());
    if (outcome !== "own") {
      const why = outcome === "missing" ? "its segment was deleted" : "another owner has written";
      throw this.#die(fenced(this.#context.task, why));
    }
    if (snapshot) {
      this.#keeper.referenced(snapshot);
      this.#writer.snapshotBytes = snapshot.bytes;
    }
    if (closed) this.#keeper.closed(closed.segment, closed.ordinal);
    return written;
  }

  /** Encodes in slices: a frame may hold a million messages. */
  async #writeBody(bytes: ByteWriter, frame: Frame): Promise<void> {
    const { limits, world, task } = this.#context;
    const rules = { sliceItems: limits.sliceItems * PARTS_AT_ONCE, compressedFrom: FRAME_COMPRESSED_FROM };
    const from = bytes.length;
    let parts = 0;
    for (const _ of writeBody(bytes, frame, rules)) {
      const size = bytes.length - from;
      if (size > limits.frameBytes) throw tooLarge(task, "frameBytes", limits.frameBytes, size);
      if (++parts > PARTS_AT_ONCE) await world.sleep(0);
    }
  }

  #pendingWith({ confirmed, outbox }: Frame): number[] {
    const { task, limits } = this.#context;
    const pending = this.#pending.filter((sequence) => sequence > confirmed);
    if (outbox.some(({ messages }) => messages.length > 0)) pending.push(this.#writer.sequence + 1);
    if (pending.length > limits.pendingFrames) {
      throw tooLarge(task, "pendingFrames", limits.pendingFrames, pending.length);
    }
    return pending;
  }

  #status({ position, watermark, confirmed, ledger, idleDue }: Frame, pending: number): Status {
    return { start: this.recovered.start, position, watermark, confirmed, ledger, idleDue, pending, openings: 0 };
  }

  #assertConfirmed(confirmed: number): void {
    const newest = this.#writer.sequence;
    if (confirmed >= this.#confirmed && confirmed <= newest) return;
    throw new Error(`A frame confirms ${confirmed}, which is not between ${this.#confirmed} and ${newest}.`);
  }

  #die(cause: unknown): unknown {
    const why = "an earlier append failed, and what it left behind is unknown";
    this.#dead = cause instanceof TidemarkError && cause.code === "FENCED" ? cause : fenced(this.#context.task, why);
    this.#keeper.stop();
    return cause;
  }

  #shortened(): TidemarkError {
    const { segment, position } = this.#writer.end;
    return damaged("the blob is shorter than what was acknowledged; storage went back in time", segment, position);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

const PARTS_AT_ONCE = 2;
