import { TidemarkError } from "../errors.ts";
import type { Table } from "../stream/table.ts";
import type { Frame, FrameStamp, StoreChange } from "./frame.ts";
import type { Meter } from "./meter.ts";
import type { HubEvent, TaskId } from "./ports.ts";
import type { Parts } from "./recover.ts";
import { ResultRunner } from "./result-runner.ts";
import type { Seclusion } from "./seclusion.ts";
import type { StageFailure } from "./stage-failure.ts";
import type { TaskPorts } from "./task.ts";

/** How many processed events may wait for their commit, and how many bytes of them. */
const WAITING_LIMIT = 50_000;
const WAITING_BYTES = 64 * 1024 * 1024;

/** A frame that is in the log and not delivered yet. */
export interface Appended {
  readonly stamp: FrameStamp;
  readonly frame: Frame;
  readonly events: readonly HubEvent[];
  readonly started: number;
  /** When it was in the log, milliseconds since the epoch. */
  readonly committed: number;
}

export interface CommitsOptions {
  readonly id: TaskId;
  readonly ports: TaskPorts;
  readonly parts: Parts;
  readonly meter: Meter;
  readonly seclusion: Seclusion;
  /** Read again before a result is tried again. */
  readonly tables: readonly Table<unknown>[];
}

/** The way from what a task has processed to the log and on to its sinks: commit, then emit, then confirm. */
export class Commits {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #parts: Parts;
  readonly #meter: Meter;
  readonly #seclusion: Seclusion;
  readonly #results: ResultRunner;
  /** Where the log stands. */
  #standing: Omit<Frame, "changes" | "outbox" | "confirmed">;
  /** Events that are processed and wait for their commit, and since when. */
  #waiting: HubEvent[] = [];
  #waitingSince = 0;
  #waitingBytes = 0;
  /** As far as the log knows delivery came. */
  #confirmed: number;
  /** The newest frame with something to deliver: the log must learn that it was. */
  #sent: number;
  /** Frames of which nothing has been said, since they are not delivered. */
  readonly #untold: (Appended & { readonly held: StageFailure | undefined })[] = [];
  /** When a wake-up that was asked for will come. */
  #wakeUp = 0;
  /** Whether the memory is ahead of the log: then it must be thrown away. */
  spoiled = false;

  constructor({ id, ports, parts, meter, seclusion, tables }: CommitsOptions) {
    this.#id = id;
    this.#ports = ports;
    this.#parts = parts;
    this.#meter = meter;
    this.#seclusion = seclusion;
    const note = this.note.bind(this);
    this.#results = new ResultRunner({ id, ports, parts, seclusion, tables, note });
    const { position, watermark, confirmed, pending, idleDue } = parts.log.recovered;
    const { ledger } = parts.processor;
    this.#standing = { position, watermark, ledger, idleDue };
    this.#confirmed = confirmed;
    this.#sent = pending.at(-1)?.stamp.sequence ?? confirmed;
    meter.opened(parts.processor);
  }

  /** When what waits for its commit should have it, milliseconds since the epoch; undefined when nothing waits. */
  get due(): number | undefined {
    return this.#waiting.length === 0 ? undefined : this.#waitingSince + (this.#ports.commitEvery ?? 0);
  }

  /** Whether something was delivered and the log does not say so yet. */
  get unconfirmed(): boolean {
    return this.#parts.outbox.pendingFrames === 0 && this.#sent > this.#confirmed;
  }

  /** Says that events are about to be processed, and how long they may wait. */
  expect(): void {
    if (this.#waiting.length === 0) this.#waitingSince = this.#ports.world.now();
  }

  /** Takes note of events that were processed. */
  wait(events: readonly HubEvent[]): void {
    for (const event of events) {
      this.#waiting.push(event);
      this.#waitingBytes += event.body.length;
    }
  }

  /** Commits what waits when its time has come, or when it is too much. */
  async commitDue(signal: AbortSignal): Promise<void> {
    const { world, commitEvery = 0 } = this.#ports;
    const full = this.#waiting.length >= WAITING_LIMIT || this.#waitingBytes >= WAITING_BYTES;
    // In either direction: a clock that was put back must not make seconds hours.
    const waited = Math.abs(world.now() - this.#waitingSince);
    if (full || waited >= commitEvery) await this.commit(signal);
  }

  /** Commits what was processed, or found never to have been, and waits for its commit. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#parts.processor.position > this.#standing.position) await this.commit(signal);
  }

  /** Appends a frame and delivers it, while no suspect event is tried: closing a frame runs code behind windows. */
  async commit(signal: AbortSignal, notes: readonly StoreChange[] = [], held?: StageFailure): Promise<void> {
    while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
    await this.settle(await this.append(notes, signal), signal, held);
  }

  /** Lets windows emit, closes the frame and appends it; after a failure the memory is spoiled. */
  async append(notes: readonly StoreChange[], signal: AbortSignal): Promise<Appended> {
    const { processor, outbox, isolation } = this.#parts;
    const events = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const started = this.#ports.world.now();
    const frame = await this.#orSpoil(async () => {
      await this.#results.emit(signal);
      return processor.closeFrame(outbox.confirmed, [...notes, ...isolation.results.end()]);
    });
    const stamp = await this.#write(frame);
    this.#standing = {
      position: frame.position,
      watermark: frame.watermark,
      ledger: frame.ledger,
      idleDue: frame.idleDue,
    };
    if (frame.outbox.length > 0) this.#sent = stamp.sequence;
    return { stamp, frame, events, started, committed: this.#ports.world.now() };
  }

  /** Notes something of the work in hand in the log, of which nothing is committed by that. */
  async note(notes: readonly StoreChange[], held?: StageFailure): Promise<void> {
    const { processor, outbox } = this.#parts;
    const started = this.#ports.world.now();
    const frame = { ...this.#standing, changes: notes, outbox: [], confirmed: outbox.confirmed };
    const stamp = await this.#write(frame);
    const committed = this.#ports.world.now();
    this.#meter.committed({ processor, outbox, frame, stamp, events: [], started, committed, held });
  }

  /** Delivers what a frame holds, and asks to be woken when silence will be due. */
  async settle(appended: Appended, signal: AbortSignal, held?: StageFailure): Promise<void> {
    this.#untold.push({ ...appended, held });
    await this.deliver(signal);
    await this.askToBeWoken();
  }

  /** One request at a time is enough: when it comes, whoever answers it looks again. */
  async askToBeWoken(): Promise<void> {
    const { wakeAt, world } = this.#ports;
    const { idleDue } = this.#standing;
    if (wakeAt === undefined || idleDue === undefined) return;
    const comesInTime = this.#wakeUp > world.now() && this.#wakeUp <= idleDue;
    if (comesInTime) return;
    this.#wakeUp = Math.max(idleDue, world.now() + 1);
    this.#wakeUp = await wakeAt(this.#wakeUp, this.#parts.processor.position);
  }

  /** Delivers what is pending; what a service will never take is committed as dead letters and delivered in turn. */
  async deliver(signal: AbortSignal): Promise<void> {
    const { outbox, processor } = this.#parts;
    const refusals = await outbox.deliver(signal);
    this.#tell();
    if (refusals.length === 0) return;
    for (const record of refusals) processor.sideRecord(record);
    await this.commit(signal);
  }

  /** Says what was committed and is delivered by now: where a sink was away, not before it is back. */
  #tell(): void {
    const { processor, outbox } = this.#parts;
    for (let next = this.#untold[0]; next && next.stamp.sequence <= outbox.confirmed; next = this.#untold[0]) {
      this.#untold.shift();
      this.#meter.committed({ processor, outbox, ...next });
    }
  }

  /** An owner that was fenced stands at an old position: what it takes for lost, another has processed. */
  async assertOwner(): Promise<void> {
    if (!(await this.#parts.log.superseded())) return;
    this.spoiled = true;
    throw new TidemarkError("FENCED", "Another owner has taken the task over.", this.#id);
  }

  async #write(frame: Frame): Promise<FrameStamp> {
    const { log, outbox } = this.#parts;
    const stamp = await this.#orSpoil(() => log.append(frame));
    this.#confirmed = frame.confirmed;
    outbox.add({ stamp, outbox: frame.outbox });
    return stamp;
  }

  /** After a failure nobody knows what the log holds, or the memory is ahead of it. */
  async #orSpoil<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      this.spoiled = true;
      throw thrown;
    }
  }
}
