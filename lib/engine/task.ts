import type { CheckpointLog, CheckpointStore, StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { type Plan, shapeOf, tablesOf } from "../stream/plan.ts";
import { align } from "./align.ts";
import { sinkStore } from "./chain.ts";
import type { FrameStamp } from "./frame.ts";
import { type CommitMetrics, Meter } from "./meter.ts";
import { Outbox } from "./outbox.ts";
import type { HubEvent, PartitionBounds, PartitionReader, TaskId, World } from "./ports.ts";
import { Processor } from "./processor.ts";
import { lossRecord, SIDE_SINK, type SideRecord } from "./side-record.ts";
import type { Connections, Sink, SinkTask } from "./sink.ts";
import { resolveStart, type StartPosition } from "./start.ts";
import type { TableCache } from "./tables.ts";

export interface TaskPorts {
  readonly partition: string;
  readonly world: World;
  readonly checkpoints: CheckpointStore;
  readonly reader: PartitionReader;
  readonly connections: Connections;
  readonly sideOutput: Sink<SideRecord>;
  readonly tables: TableCache;
  /** Where a task without a log begins. */
  readonly from: StartPosition;
  /** What to do when the hub's retention has removed events that were never processed. */
  readonly onLoss: "stop" | "continue";
  readonly onCommit?: (metrics: CommitMetrics) => void;
}

/** How many events a repair processes before it commits. */
const REPAIR_CHUNK = 2_000;

/** Everything that exists only while the task owns its log. */
interface Opened {
  readonly log: CheckpointLog;
  readonly processor: Processor;
  readonly outbox: Outbox;
  readonly sinks: ReadonlyMap<string, SinkTask<unknown>>;
}

/**
 * One pipeline on one partition: align → decode → process → commit → emit → confirm. Calls run one after the other.
 * After any failure between processing and commit the memory is dropped, and the next call opens the log anew.
 */
export class Task {
  readonly id: TaskId;
  readonly #plan: Plan;
  readonly #ports: TaskPorts;
  readonly #meter: Meter;
  #opened: Opened | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(pipeline: Pipeline, ports: TaskPorts) {
    this.#plan = pipeline.plan;
    this.#ports = ports;
    this.id = { pipeline: this.#plan.name, partition: ports.partition };
    this.#meter = new Meter(this.id, ports.world, ports.onCommit);
  }

  /** Processes a batch, in order of sequence numbers; resolves when it is committed and delivered. */
  handle(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    return this.#serialize(() => this.#handle(events, signal));
  }

  /** Processes what the hub holds beyond the task's position; resolves to the number of events. */
  catchUp(signal: AbortSignal): Promise<number> {
    return this.#serialize(async () => {
      const opened = await this.#open();
      await this.#deliver(opened, signal);
      const before = opened.processor.position;
      const { next } = await this.#ports.reader.bounds();
      await this.#repair(opened, next, signal);
      return opened.processor.position - before;
    });
  }

  /** Stops after the call in hand and gives up the clients; the log stays as it is. */
  close(): Promise<void> {
    return this.#serialize(() => this.#drop());
  }

  #serialize<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #handle(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const opened = await this.#open();
    await this.#ports.tables.refresh(tablesOf(this.#plan));
    await this.#deliver(opened, signal);
    const { gap } = align(opened.processor.position, events);
    if (gap !== undefined) await this.#repair(opened, gap.to, signal);
    const { fresh } = align(opened.processor.position, events);
    if (fresh.length > 0) await this.#commit(opened, fresh, signal);
  }

  /** Reads from the hub what the trigger left out, in chunks that commit. */
  async #repair(opened: Opened, to: number, signal: AbortSignal): Promise<void> {
    const { processor } = opened;
    if (processor.position >= to) return;
    const bounds = await this.#ports.reader.bounds();
    if (bounds.first > processor.position) await this.#lose(opened, Math.min(bounds.first, to), signal);
    if (processor.position >= to) return;
    for await (const events of this.#ports.reader.read(processor.position, to, REPAIR_CHUNK)) {
      signal.throwIfAborted();
      const { fresh } = align(processor.position, events);
      if (fresh.length > 0) await this.#commit(opened, fresh, signal);
    }
    // The hub has nothing more below `to`: the rest are holes, which the next frame records.
    if (processor.position < to) processor.skip(to);
  }

  async #lose(opened: Opened, to: number, signal: AbortSignal): Promise<void> {
    const { processor } = opened;
    const from = processor.position;
    if (this.#ports.onLoss === "stop") throw eventsLost(this.id, from, to);
    processor.lose(to);
    processor.sideRecord(lossRecord(this.id, from, to, this.#ports.world.now()));
    await this.#commit(opened, [], signal);
  }

  async #commit(opened: Opened, events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const { log, processor, outbox } = opened;
    const { world } = this.#ports;
    const started = world.now();
    let stamp: FrameStamp;
    let processed = started;
    try {
      processor.process(events);
      const frame = processor.closeFrame(outbox.confirmed);
      processed = world.now();
      stamp = await log.append(frame);
      outbox.add({ stamp, outbox: frame.outbox });
    } catch (thrown) {
      await this.#drop();
      throw thrown;
    }
    const committed = world.now();
    await this.#deliver(opened, signal);
    this.#meter.committed({ processor, outbox, stamp, events, started, processed, committed });
  }

  /** Delivers what is pending; what a service will never take is committed as dead letters and delivered in turn. */
  async #deliver(opened: Opened, signal: AbortSignal): Promise<void> {
    const refusals = await opened.outbox.deliver(signal);
    if (refusals.length === 0) return;
    for (const record of refusals) opened.processor.sideRecord(record);
    await this.#commit(opened, [], signal);
  }

  async #open(): Promise<Opened> {
    if (this.#opened !== undefined) return this.#opened;
    const { reader, checkpoints, tables } = this.#ports;
    const bounds = await reader.bounds();
    await tables.refresh(tablesOf(this.#plan));
    const start = (): Promise<StartPoint> => resolveStart(this.#ports.from, reader, bounds);
    const log = await checkpoints.open(this.id, shapeOf(this.#plan), start);
    try {
      this.#opened = await this.#openOver(log, bounds);
      this.#meter.opened(this.#opened.processor);
    } catch (thrown) {
      await log.close();
      throw thrown;
    }
    return this.#opened;
  }

  async #openOver(log: CheckpointLog, bounds: PartitionBounds): Promise<Opened> {
    const { recovered } = log;
    checkSameHub(this.id, recovered.start, recovered.position, bounds);
    const sinks = await this.#openSinks(bounds.partitionCount, recovered.state);
    const { position, watermark, state, ledger, confirmed, pending } = recovered;
    const processor = new Processor(this.#plan, {
      id: this.id,
      start: recovered.start.position,
      position,
      watermark,
      state,
      ledger,
      tables: this.#ports.tables,
      sinks,
    });
    return { log, processor, sinks, outbox: new Outbox(sinks, confirmed, pending) };
  }

  async #openSinks(tasks: number, state: CheckpointLog["recovered"]["state"]): Promise<Map<string, SinkTask<unknown>>> {
    const { world, connections, sideOutput } = this.#ports;
    const sinks = new Map<string, SinkTask<unknown>>();
    for (const sink of [...(this.#plan.sinks as readonly Sink<unknown>[]), sideOutput as Sink<unknown>]) {
      const name = sink === sideOutput ? SIDE_SINK : sink.name;
      const restored = state.get(sinkStore(name))?.get(0) ?? new Map<string, unknown>();
      sinks.set(name, await sink.open({ ...this.id, world, tasks, state: restored, connections }));
    }
    return sinks;
  }

  async #drop(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    await Promise.allSettled([opened.log.close(), ...[...opened.sinks.values()].map((sink) => sink.close())]);
  }
}

function checkSameHub(id: TaskId, start: StartPoint, position: number, bounds: PartitionBounds): void {
  if (start.hubCreated === bounds.hubCreated && position <= bounds.next) return;
  throw new TidemarkError(
    "HUB_RECREATED",
    `The hub was created at ${new Date(bounds.hubCreated).toISOString()} and will next give sequence number ${bounds.next}, but the checkpoint log belongs to one created at ${new Date(start.hubCreated).toISOString()} and read up to ${position}.`,
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
    {
      ...id,
      fix: 'Restore them from Capture, or go on without them: handle(…, { onLoss: "continue" }).',
    },
  );
}
