import { unpack } from "./codec.ts";
import type { LogContext } from "./context.ts";
import type { FoundLog } from "./discovery.ts";
import { damaged, missing } from "./errors.ts";
import type { RawFrame } from "./frame-format.ts";
import { LogWriter } from "./log-writer.ts";
import { OwnedLog } from "./owned-log.ts";
import type { SnapshotRef } from "./records.ts";
import { Replay } from "./replay.ts";
import { readOn, readSegment, rotationOf, type Segment } from "./segment.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";

/**
 * Folds a log that was found and fences every earlier owner with one conditional append. When others append meanwhile,
 * only what they appended is read. Undefined when the log moved away and has to be found again.
 */
export async function takeOver(context: LogContext, found: FoundLog): Promise<OwnedLog | undefined> {
  const { generation } = found;
  const taking = new TakeOver(context, found);
  await taking.replayChain();
  for (let attempt = 0; attempt < context.limits.openings; attempt++) {
    const rotation = rotationOf(taking.head.frames);
    if (rotation) {
      if (rotation.next === undefined) return undefined;
      await taking.goOn(rotation.next);
      continue;
    }
    const outcome = await taking.fence();
    if (outcome instanceof OwnedLog) return outcome;
    if (outcome === "missing") return undefined;
    const { name, length } = taking.head;
    if (outcome === "short") throw damaged("the blob is shorter than what was read", name, length);
    await taking.catchUp(await readOn(context.blobs, taking.head, generation));
  }
  return undefined;
}

class TakeOver {
  readonly #context: LogContext;
  readonly #found: FoundLog;
  readonly #chain: Segment[];
  readonly #replay: Replay;
  #base: SnapshotRef | undefined;

  constructor(context: LogContext, found: FoundLog) {
    this.#context = context;
    this.#found = found;
    this.#chain = [...found.chain];
    this.#base = found.base;
    this.#replay = new Replay(context, found.generation, this.head.header.start);
  }

  get head(): Segment {
    return this.#chain.at(-1) as Segment;
  }

  async replayChain(): Promise<void> {
    if (this.#base) await this.#replay.load(this.#base);
    for (const segment of this.#chain) await this.#apply(segment.frames);
  }

  async catchUp(frames: readonly RawFrame[]): Promise<void> {
    await this.#apply(frames);
    const reference = frames.findLast(({ kind }) => kind === "snapshot");
    if (reference) this.#base = unpack<SnapshotRef>(reference.body);
  }

  async #apply(frames: readonly RawFrame[]): Promise<void> {
    for (const frame of frames) await this.#replay.apply(frame);
  }

  async goOn(name: string): Promise<void> {
    const segment = await readSegment(this.#context, name, this.#found.generation);
    if (segment === undefined) throw missing(name, `the log goes on in it after "${this.head.name}"`);
    this.#chain.push(segment);
    await this.catchUp(segment.frames);
  }

  async fence(): Promise<OwnedLog | "foreign" | "short" | "missing"> {
    const { head } = this;
    const { status, sequence } = this.#replay;
    const { generation } = this.#found;
    const end = { segment: head.name, ordinal: head.ordinal, position: head.length, appends: head.frames.length };
    const writer = new LogWriter(this.#context, generation, head.header, end, sequence);
    writer.snapshotBytes = this.#base?.bytes ?? 0;
    // Before anything is written: what this version cannot read, it leaves to the one that can.
    const recovered = this.#replay.recovered(sequence + 1);
    const opened = { ...status, openings: status.openings + 1 };
    const { outcome, closed } = await writer.append("fence", opened, NO_BODY, undefined);
    if (outcome !== "own") return outcome;
    const covered = this.#base?.through ?? 0;
    const old = this.#chain.slice(0, closed ? undefined : -1).filter(({ ordinal }) => ordinal > covered);
    const segments = old.map(({ name, ordinal }) => ({ segment: name, ordinal }));
    const keeper = new SnapshotKeeper(this.#context, generation, this.#base, segments);
    return new OwnedLog(this.#context, writer, keeper, recovered, this.#replay.pendingSequences());
  }
}

const NO_BODY = (): void => {};
