import type { CheckpointLog, StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import { type Plan, shapeOf } from "../stream/plan.ts";
import { align, contiguous } from "./align.ts";
import { sinkStore } from "./chain.ts";
import type { Frame, FrameStamp, StateContents, StoreChange } from "./frame.ts";
import { carefulRun, Isolation, type Witness } from "./isolation.ts";
import type { Meter } from "./meter.ts";
import { Outbox } from "./outbox.ts";
import type { HubEvent, PartitionBounds, TaskId } from "./ports.ts";
import { Processor } from "./processor.ts";
import type { Seclusion } from "./seclusion.ts";
import { condemnedRecord, lossRecord, SIDE_SINK } from "./side-record.ts";
import { type Sink, type SinkTask, WAITING } from "./sink.ts";
import { resolveStart } from "./start.ts";
import type { TaskPorts } from "./task.ts";

/** How many events a repair processes before it commits. */
const REPAIR_CHUNK = 2_000;

/** How many processed events may wait for their commit. */
const WAITING_LIMIT = 50_000;

/** What outlives the openings of a task: how commits are reported, and what the process knows of suspect events. */
export interface Lasting {
  readonly meter: Meter;
  readonly witness: Witness;
  readonly seclusion: Seclusion;
}

/** A frame that is in the log and not delivered yet. */
interface Appended {
  readonly stamp: FrameStamp;
  readonly frame: Frame;
  readonly events: readonly HubEvent[];
  readonly started: number;
}

interface Parts {
  readonly log: CheckpointLog;
  readonly processor: Processor;
  readonly outbox: Outbox;
  readonly isolation: Isolation;
  readonly sinks: ReadonlyMap<string, SinkTask<unknown>>;
}

/** A task that owns its log: the memory that is true as long as no append fails. */
export class OpenTask {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #meter: Meter;
  readonly #seclusion: Seclusion;
  readonly #parts: Parts;
  /** Events that are processed and wait for their commit, and since when. */
  #waiting: HubEvent[] = [];
  #waitingSince = 0;
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

  private constructor(id: TaskId, ports: TaskPorts, { meter, seclusion }: Lasting, parts: Parts) {
    this.#id = id;
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
    const start = (): Promise<StartPoint> => resolveStart(ports.from, ports.reader, bounds);
    const log = await ports.checkpoints.open(id, shapeOf(plan), start);
    try {
      // Another owner may have read on since the hub was asked.
      const known = log.recovered.position <= bounds.next ? bounds : await ports.reader.bounds();
      return new OpenTask(id, ports, lasting, await recover(plan, id, { ports, log, bounds: known, lasting }));
    } catch (thrown) {
      await log.close();
      throw thrown;
    }
  }

  async handle(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    await this.#deliver(signal);
    const { gap } = align(processor.position, events);
    if (gap !== undefined) await this.#repair(gap.to, signal);
    await this.#processRead(events, signal);
    // Where all was committed before, its owner may have ended before it asked.
    await this.#askToBeWoken();
  }

  async catchUp(signal: AbortSignal): Promise<number> {
    const before = this.#parts.processor.position;
    await this.#readOn(signal);
    return this.#parts.processor.position - before;
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
    const { next, lastEnqueued } = await this.#ports.reader.bounds();
    await this.#repair(next, signal);
    await this.flush(signal);
    return { asked, lastEnqueued };
  }

  /** Commits what was processed and waits for its commit. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0) await this.#commit(signal);
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
    const { processor } = this.#parts;
    for (const run of contiguous(align(processor.position, events).fresh)) {
      const { gap } = align(processor.position, run);
      if (gap !== undefined) await this.#loseBelow(gap.to, signal);
      await this.#process(run, signal);
    }
  }

  /** Takes note of what the hub no longer holds, up to a position. */
  async #loseBelow(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    if (processor.position >= to) return;
    const { first } = await this.#ports.reader.bounds();
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
    while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
    const { world, commitEvery = 0 } = this.#ports;
    if (this.#waiting.length === 0) this.#waitingSince = world.now();
    this.#run(events);
    const due = world.now() - this.#waitingSince >= commitEvery || this.#waiting.length >= WAITING_LIMIT;
    if (due) await this.#commit(signal);
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
      if (run.length === 1)
        await this.#settle(await this.#seclusion.alone(() => this.#tryAlone(event, signal)), signal);
      else {
        while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
        this.#run(run);
        await this.#commit(signal);
      }
      at += run.length;
    }
    const note = isolation.end();
    if (note !== undefined) await this.#commit(signal, [note]);
  }

  async #tryAlone(event: HubEvent, signal: AbortSignal): Promise<Appended> {
    const { isolation } = this.#parts;
    await this.#settle(await this.#append([isolation.begin(event.sequenceNumber)]), signal);
    try {
      this.#run([event]);
    } finally {
      isolation.survived();
    }
    return this.#append([]);
  }

  #run(events: readonly HubEvent[]): void {
    try {
      this.#parts.processor.process(events);
    } catch (thrown) {
      this.spoiled = true;
      throw thrown;
    }
    this.#waiting.push(...events);
  }

  async #commit(signal: AbortSignal, notes: readonly StoreChange[] = []): Promise<void> {
    // Closing a frame runs code of the stages behind windows.
    while (this.#seclusion.taken !== undefined) await this.#seclusion.taken;
    await this.#settle(await this.#append(notes), signal);
  }

  async #append(notes: readonly StoreChange[]): Promise<Appended> {
    const { log, processor, outbox } = this.#parts;
    const events = this.#waiting;
    this.#waiting = [];
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
  async #settle({ stamp, frame, events, started }: Appended, signal: AbortSignal): Promise<void> {
    const { processor, outbox } = this.#parts;
    const committed = this.#ports.world.now();
    await this.#deliver(signal);
    this.#meter.committed({ processor, outbox, stamp, events, started, committed });
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
    await wakeAt(this.#wakeUp, this.#parts.processor.position);
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

interface Recovery {
  readonly ports: TaskPorts;
  readonly log: CheckpointLog;
  readonly bounds: PartitionBounds;
  readonly lasting: Lasting;
}

async function recover(plan: Plan, id: TaskId, { ports, log, bounds, lasting }: Recovery): Promise<Parts> {
  const { recovered } = log;
  const { start, position, watermark, state, ledger, confirmed, pending } = recovered;
  checkSameHub(id, start, position, bounds);
  const sinks = await openSinks(plan, id, ports, bounds.partitionCount, state);
  const opening = {
    id,
    start: start.position,
    position,
    watermark,
    state,
    ledger,
    lastEnqueued: bounds.lastEnqueued,
    tables: ports.tables,
    sinks,
  };
  return {
    log,
    sinks,
    processor: new Processor(plan, opening),
    outbox: new Outbox(sinks, confirmed, pending),
    isolation: new Isolation(recovered.openingsWithoutProgress, state, lasting.witness),
  };
}

async function openSinks(
  plan: Plan,
  id: TaskId,
  { world, connections, sideOutput }: TaskPorts,
  tasks: number,
  state: StateContents,
): Promise<Map<string, SinkTask<unknown>>> {
  const own = (plan.sinks as readonly Sink<unknown>[]).map((sink) => ({ name: sink.name, sink }));
  const sinks = new Map<string, SinkTask<unknown>>();
  refuseStranded(id, state, new Set(own.map(({ name }) => sinkStore(name))));
  for (const { name, sink } of [...own, { name: SIDE_SINK, sink: sideOutput as Sink<unknown> }]) {
    const restored = state.get(sinkStore(name))?.get(0) ?? new Map<string, unknown>();
    sinks.set(name, await sink.open({ ...id, world, tasks, state: restored, connections }));
  }
  return sinks;
}

/** What a sink keeps until later must not be forgotten with the sink. */
function refuseStranded(id: TaskId, state: StateContents, known: ReadonlySet<string>): void {
  for (const [store, buckets] of state) {
    if (!store.startsWith(sinkStore("")) || known.has(store)) continue;
    const waits = [...(buckets.get(0) ?? [])].some(([key]) => key.startsWith(WAITING));
    if (!waits) continue;
    const sink = store.slice(sinkStore("").length);
    throw new TidemarkError("PLAN_CHANGED", `Values wait for sink "${sink}", which the plan no longer has.`, {
      ...id,
      fix: "Deploy the sink once more, until its values have left, then remove it.",
    });
  }
}

function checkSameHub(id: TaskId, start: StartPoint, position: number, bounds: PartitionBounds): void {
  if (start.hubCreated === bounds.hubCreated && position <= bounds.next) return;
  const [now, then] = [bounds.hubCreated, start.hubCreated].map((time) => new Date(time).toISOString());
  throw new TidemarkError(
    "HUB_RECREATED",
    `The hub was created at ${now} and will next give sequence number ${bounds.next}, but the checkpoint log belongs to one created at ${then} and read up to ${position}.`,
    {
      ...id,
      fix: "It is another hub under the same name: remove the pipeline's checkpoint logs to begin anew, or restore the hub.",
    },
  );
}

function eventsLost(id: TaskId, from: number, to: number): TidemarkError {
  return new TidemarkError(
    "EVENTS_LOST",
    `The hub no longer holds sequence numbers ${from} to ${to - 1}: retention removed them before they were processed.`,
    { ...id, fix: 'Restore them from Capture, or go on without them: handle(…, { onLoss: "continue" }).' },
  );
}
