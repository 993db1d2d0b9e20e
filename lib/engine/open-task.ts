import type { StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import { type Plan, shapeOf, tablesOf } from "../stream/plan.ts";
import type { Table } from "../stream/table.ts";
import { align, contiguous } from "./align.ts";
import type { Frame, FrameStamp, StoreChange } from "./frame.ts";
import { carefulRun } from "./isolation.ts";
import type { Meter } from "./meter.ts";
import { PartitionGuard } from "./partition-guard.ts";
import type { HubEvent, PartitionBounds, TaskId } from "./ports.ts";
import { checkSameHub, type Lasting, type Parts, recover } from "./recover.ts";
import type { Seclusion } from "./seclusion.ts";
import { condemnedRecord, lossRecord } from "./side-record.ts";
import { StageFailure } from "./stage-failure.ts";
import { resolveStart } from "./start.ts";
import type { TaskPorts } from "./task.ts";

/** How many events a repair processes before it commits. */
const REPAIR_CHUNK = 2_000;

/** A task that waits to try an event again says so in its log this often: whoever looks sees that its owner lives. */
const KEEP_ALIVE_MS = 5_000;

/** How many processed events may wait for their commit, and how many bytes of them. */
const WAITING_LIMIT = 50_000;
const WAITING_BYTES = 64 * 1024 * 1024;

/** A frame that is in the log and not delivered yet. */
interface Appended {
  readonly stamp: FrameStamp;
  readonly frame: Frame;
  readonly events: readonly HubEvent[];
  readonly started: number;
}

/** A task that owns its log: the memory that is true as long as no append fails. */
export class OpenTask {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #meter: Meter;
  readonly #seclusion: Seclusion;
  readonly #parts: Parts;
  readonly #tables: readonly Table<unknown>[];
  /** Events that are processed and wait for their commit, and since when. */
  #waiting: HubEvent[] = [];
  #waitingSince = 0;
  #waitingBytes = 0;
  /** As far as the log knows delivery came. */
  #confirmed: number;
  /** The newest frame with something to deliver: the log must learn that it was. */
  #sent: number;
  /** When a wake-up that was asked for will come. */
  #wakeUp = 0;
  /** When, by the newest frame, silence will make the next result due. */
  #idleDue: number | undefined;
  /** Whether the memory is ahead of the log: then it must be thrown away. */
  spoiled = false;

  private constructor(plan: Plan, id: TaskId, ports: TaskPorts, { meter, seclusion }: Lasting, parts: Parts) {
    this.#id = id;
    this.#tables = tablesOf(plan);
    this.#ports = ports;
    this.#meter = meter;
    this.#seclusion = seclusion;
    this.#parts = parts;
    const { confirmed, pending, idleDue } = parts.log.recovered;
    this.#idleDue = idleDue;
    this.#confirmed = confirmed;
    this.#sent = pending.at(-1)?.stamp.sequence ?? confirmed;
    meter.opened(parts.processor);
  }

  /** Opens the log, fences earlier owners, and recovers. */
  static async open(plan: Plan, id: TaskId, ports: TaskPorts, lasting: Lasting): Promise<OpenTask> {
    const bounds = await ports.reader.bounds();
    const guard = new PartitionGuard(plan, id, ports);
    const start = async (): Promise<StartPoint> => {
      await guard.checkSiblings(bounds);
      return resolveStart(ports.from, ports.reader, bounds);
    };
    const log = await ports.checkpoints.open(id, shapeOf(plan), start);
    try {
      // Another owner may have read on since the hub was asked.
      const known = log.recovered.position <= bounds.next ? bounds : await ports.reader.bounds();
      return new OpenTask(
        plan,
        id,
        ports,
        lasting,
        await recover(plan, id, { ports, log, bounds: known, lasting, guard }),
      );
    } catch (thrown) {
      await log.close();
      throw thrown;
    }
  }

  async handle(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    await this.#deliver(signal);
    const { gap, repeated } = align(processor.position, events);
    const old = events[repeated - 1];
    // What is new and has a number that was given before: the hub itself may be another one.
    if (old !== undefined && old.enqueuedTime > processor.lastEnqueued) await this.#bounds();
    if (gap !== undefined) await this.#repair(gap.to, signal);
    await this.#processRead(events, signal);
    // Where all was committed before, its owner may have ended before it asked.
    await this.#askToBeWoken();
  }

  async catchUp(signal: AbortSignal): Promise<number> {
    const before = this.position;
    await this.#readOn(signal);
    return this.position - before;
  }

  /** Catches up; when the hub is proven empty, moves event time on; at last confirms what was delivered. */
  async wake(signal: AbortSignal): Promise<void> {
    const { asked, lastEnqueued } = await this.#readOn(signal);
    const { processor } = this.#parts;
    if (processor.idle(asked, lastEnqueued)) await this.#commit(signal);
    if (this.unconfirmed) await this.#commit(signal);
    await this.#askToBeWoken();
  }

  /** Processes all that the hub held when it was asked; later it may hold more. */
  async #readOn(signal: AbortSignal): Promise<{ readonly asked: number; readonly lastEnqueued: number }> {
    await this.#deliver(signal);
    const asked = this.#ports.world.now();
    const { next, lastEnqueued } = await this.#bounds();
    await this.#repair(next, signal);
    await this.flush(signal);
    return { asked, lastEnqueued };
  }

  /** Commits what was processed and waits for its commit. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0) await this.#commit(signal);
  }

  /** The sequence number after the last event that was processed, committed or not. */
  get position(): number {
    return this.#parts.processor.position;
  }

  /** When what waits for its commit should have it, milliseconds since the epoch; undefined when nothing waits. */
  get flushDue(): number | undefined {
    return this.#waiting.length === 0 ? undefined : this.#waitingSince + (this.#ports.commitEvery ?? 0);
  }

  /** Whether something was delivered and the log does not say so yet. */
  get unconfirmed(): boolean {
    return this.#parts.outbox.pendingFrames === 0 && this.#sent > this.#confirmed;
  }

  /** Whether another owner has taken the log over. */
  superseded(): Promise<boolean> {
    return this.#parts.log.superseded();
  }

  async close(): Promise<void> {
    const { log, sinks } = this.#parts;
    await Promise.allSettled([log.close(), ...[...sinks.values()].map((sink) => sink.close())]);
  }

  /** Reads from the hub what the trigger left out, in chunks that commit. */
  async #repair(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    if (processor.position >= to) return;
    await this.#loseBelow(to, signal);
    if (processor.position >= to) return;
    for await (const events of this.#ports.reader.read(processor.position, to, REPAIR_CHUNK)) {
      signal.throwIfAborted();
      await this.#processRead(events, signal);
    }
    await this.#loseBelow(to, signal);
    // The hub has nothing more below `to`: the rest are holes, which the next frame records.
    if (processor.position < to) processor.skip(to);
  }

  /** Processes what is new of events that were read; where some are missing, retention may have removed them just now. */
  async #processRead(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { processor, guard, log } = this.#parts;
    await guard.checkKeys(events, log.recovered.start);
    for (const run of contiguous(align(processor.position, events).fresh)) {
      const { gap } = align(processor.position, run);
      if (gap !== undefined) await this.#loseBelow(gap.to, signal);
      await this.#process(run, signal);
    }
  }

  /** What the hub holds; throws HUB_RECREATED when it is not the hub that the log belongs to. */
  async #bounds(): Promise<PartitionBounds> {
    const { log, processor } = this.#parts;
    const bounds = await this.#ports.reader.bounds();
    // It may not know yet of the newest events that it has given us.
    checkSameHub(this.#id, log.recovered.start, Math.min(processor.position, bounds.next), bounds);
    return bounds;
  }

  /** Takes note of what the hub no longer holds, up to a position. */
  async #loseBelow(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    if (processor.position >= to) return;
    const { first } = await this.#bounds();
    if (first > processor.position) await this.#lose(Math.min(first, to), signal);
  }

  async #lose(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    const from = processor.position;
    if (this.#ports.onLoss === "stop") {
      await this.#assertOwner();
      throw eventsLost(this.#id, from, to);
    }
    processor.lose(to);
    processor.sideRecord(lossRecord(this.#id, from, to, this.#ports.world.now()));
    await this.#commit(signal);
  }

  /** An owner that was fenced stands at an old position: what it takes for lost, another has processed. */
  async #assertOwner(): Promise<void> {
    if (!(await this.#parts.log.superseded())) return;
    this.spoiled = true;
    throw new TidemarkError("FENCED", "Another owner has taken the task over.", this.#id);
  }

  async #process(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    if (this.#parts.isolation.careful) return this.#carefully(events, signal);
    const { world, commitEvery = 0 } = this.#ports;
    for (let rest = events; rest.length > 0; ) {
      while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
      if (this.#waiting.length === 0) this.#waitingSince = world.now();
      const failure = this.#run(rest);
      rest = failure === undefined ? [] : rest.slice(indexOf(rest, failure));
      if (failure !== undefined) await this.#hold(failure, signal);
    }
    const full = this.#waiting.length >= WAITING_LIMIT || this.#waitingBytes >= WAITING_BYTES;
    if (full || world.now() - this.#waitingSince >= commitEvery) await this.#commit(signal);
  }

  /**
   * After several openings without progress: events are announced in the log and committed alone, and when that goes well
   * in runs that grow. Where a run ends the process, the next opening begins with that run's first event alone.
   */
  async #carefully(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { isolation, processor } = this.#parts;
    for (let at = 0; at < events.length; ) {
      signal.throwIfAborted();
      const run = events.slice(at, at + carefulRun(at));
      const event = run[0] as HubEvent;
      if (isolation.condemned(event.sequenceNumber)) {
        processor.refuse(event, condemnedRecord(this.#id, event));
        await this.#commit(signal);
        at++;
        continue;
      }
      if (run.length > 1) while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
      const alone = run.length === 1;
      const outcome = alone ? await this.#seclusion.alone(() => this.#tryAlone(event, signal)) : this.#run(run);
      if (outcome instanceof StageFailure) {
        await this.#hold(outcome, signal, alone ? isolation.putBack() : []);
        at = indexOf(events, outcome);
        continue;
      }
      if (outcome === undefined) await this.#commit(signal);
      else await this.#settle(outcome, signal);
      at += run.length;
    }
    const note = isolation.end();
    if (note !== undefined) await this.#commit(signal, [note]);
  }

  async #tryAlone(event: HubEvent, signal: AbortSignal): Promise<Appended | StageFailure> {
    const { isolation } = this.#parts;
    await this.#settle(await this.#append([isolation.begin(event.sequenceNumber)]), signal);
    let failure: StageFailure | undefined;
    try {
      failure = this.#run([event]);
    } finally {
      isolation.survived();
    }
    return failure ?? this.#append([]);
  }

  /** Processes events up to one that must be tried again or stops the task, whose failure it returns. */
  #run(events: readonly HubEvent[]): StageFailure | undefined {
    try {
      this.#parts.processor.process(events);
    } catch (thrown) {
      if (!(thrown instanceof StageFailure)) {
        this.spoiled = true;
        throw thrown;
      }
      this.#wait(events.slice(0, indexOf(events, thrown)));
      return thrown;
    }
    this.#wait(events);
    return undefined;
  }

  #wait(events: readonly HubEvent[]): void {
    for (const event of events) {
      this.#waiting.push(event);
      this.#waitingBytes += event.body.length;
    }
  }

  /**
   * Commits what came before an event that failed, and how often it was tried; then waits until it may be tried again.
   * Throws STAGE_FAILED when it may not.
   */
  async #hold(failure: StageFailure, signal: AbortSignal, notes: readonly StoreChange[] = []): Promise<void> {
    const { world, ending, tables } = this.#ports;
    if (failure.again || notes.length > 0 || this.#waiting.length > 0) await this.#commit(signal, notes, failure);
    if (!failure.again) throw failure.stopped(this.#id, "event");
    const over = ending === undefined ? signal : AbortSignal.any([signal, ending]);
    for (let left = failure.wait(world); left > 0; left -= KEEP_ALIVE_MS) {
      await world.sleep(Math.min(left, KEEP_ALIVE_MS), over);
      if (left > KEEP_ALIVE_MS) await this.#commit(signal, [], failure);
    }
    await tables.refresh(this.#tables);
  }

  async #commit(signal: AbortSignal, notes: readonly StoreChange[] = [], held?: StageFailure): Promise<void> {
    // Closing a frame runs code of the stages behind windows.
    while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
    await this.#settle(await this.#append(notes), signal, held);
  }

  async #append(notes: readonly StoreChange[]): Promise<Appended> {
    const { log, processor, outbox } = this.#parts;
    const events = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    const started = this.#ports.world.now();
    let stamp: FrameStamp;
    let frame: Frame;
    try {
      frame = processor.closeFrame(outbox.confirmed, notes);
      stamp = await log.append(frame);
    } catch (thrown) {
      this.spoiled = true;
      throw thrown;
    }
    this.#confirmed = frame.confirmed;
    outbox.add({ stamp, outbox: frame.outbox });
    if (frame.outbox.length > 0) this.#sent = stamp.sequence;
    return { stamp, frame, events, started };
  }

  /** Delivers what a frame holds, and asks to be woken when silence will be due. */
  async #settle({ stamp, frame, events, started }: Appended, signal: AbortSignal, held?: StageFailure): Promise<void> {
    const { processor, outbox } = this.#parts;
    const committed = this.#ports.world.now();
    await this.#deliver(signal);
    this.#meter.committed({ processor, outbox, stamp, events, started, committed, held });
    this.#idleDue = frame.idleDue;
    await this.#askToBeWoken();
  }

  /** One request at a time is enough: when it comes, whoever answers it looks again. */
  async #askToBeWoken(): Promise<void> {
    const { wakeAt, world } = this.#ports;
    const idleDue = this.#idleDue;
    if (wakeAt === undefined || idleDue === undefined) return;
    const comesInTime = this.#wakeUp > world.now() && this.#wakeUp <= idleDue;
    if (comesInTime) return;
    this.#wakeUp = Math.max(idleDue, world.now() + 1);
    this.#wakeUp = await wakeAt(this.#wakeUp, this.#parts.processor.position);
  }

  /** Delivers what is pending; what a service will never take is committed as dead letters and delivered in turn. */
  async #deliver(signal: AbortSignal): Promise<void> {
    const { outbox, processor } = this.#parts;
    const refusals = await outbox.deliver(signal);
    if (refusals.length === 0) return;
    for (const record of refusals) processor.sideRecord(record);
    await this.#commit(signal);
  }
}

function indexOf(events: readonly HubEvent[], { sequenceNumber }: StageFailure): number {
  return events.findIndex((event) => event.sequenceNumber === sequenceNumber);
}

function eventsLost(id: TaskId, from: number, to: number): TidemarkError {
  return new TidemarkError(
    "EVENTS_LOST",
    `The hub no longer holds sequence numbers ${from} to ${to - 1}: retention removed them before they were processed.`,
    { ...id, fix: 'Restore them from Capture, or go on without them: handle(…, { onLoss: "continue" }).' },
  );
}
