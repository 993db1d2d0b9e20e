import { createCheckpointStore, type LogStatus } from "../checkpoint/index.ts";
import type { LedgerCounts } from "../engine/frame.ts";
import { MARKER_PROPERTY } from "../engine/headers.ts";
import type { CommitMetrics } from "../engine/meter.ts";
import type { SideRecord } from "../engine/side-record.ts";
import type { Sink } from "../engine/sink.ts";
import { TableCache } from "../engine/tables.ts";
import { Task, type TaskPorts } from "../engine/task.ts";
import { TidemarkError } from "../errors.ts";
import { type Duration, milliseconds } from "../stream/duration.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { type EventTime, type Plan, shapeOf } from "../stream/plan.ts";
import { type Captured, captureSink } from "./capture-sink.ts";
import { memoryBlobs } from "./memory-blobs.ts";
import { MemoryHub } from "./memory-hub.ts";
import { withTables } from "./memory-tables.ts";
import { NO_CONNECTIONS } from "./no-connections.ts";
import { VirtualWorld } from "./virtual-world.ts";

export interface TestDriverOptions {
  /** Rows of the tables that the pipeline joins, by table name. */
  readonly tables?: Readonly<Record<string, readonly unknown[]>>;
  /** Where virtual time begins; default 2030-01-01, later than most events. */
  readonly now?: EventTime;
  readonly onLoss?: TaskPorts["onLoss"];
  /** How long processed events may wait for their commit; default: not at all. */
  readonly commitEvery?: Duration;
}

/** What an event brings along beside its body. */
export interface SendOptions {
  readonly partitionKey?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/**
 * Runs one partition of a pipeline in memory with the real engine and the real checkpoint log, in virtual time.
 * @example
 * const driver = testDriver(delays, { tables: { airports: [] } });
 * await driver.send(flight);
 * await driver.advanceTo("2001-01-02T00:00:00Z");
 * assert.deepEqual(driver.results(), [expected]);
 */
export function testDriver(pipeline: Pipeline, options: TestDriverOptions = {}): TestDriver {
  return new TestDriver(pipeline, options);
}

const FAR = "2030-01-01T00:00:00Z";

export class TestDriver {
  readonly world: VirtualWorld;
  /** Set it to make every delivery fail, as when the sinks' services cannot be reached. */
  sinksAway = false;
  /** Set it to make the sinks' services refuse values for good, and say why. */
  refuse: (value: unknown) => string | undefined = () => undefined;
  /** When the task asked to be woken, milliseconds since the epoch. */
  readonly wakeUps: number[] = [];
  /** What each commit did, in order, also those before a restart. */
  readonly commits: CommitMetrics[] = [];
  readonly hub: MemoryHub;
  readonly #captured = new Map<string, Captured<unknown>>();
  readonly #side: { readonly sink: Sink<SideRecord>; readonly values: SideRecord[] };
  readonly #tables: Readonly<Record<string, readonly unknown[]>>;
  #pipeline: Pipeline;
  readonly #ports: TaskPorts;
  readonly #checkpoints: TaskPorts["checkpoints"];
  #task: Task;
  #handled = 0;

  constructor(pipeline: Pipeline, options: TestDriverOptions) {
    this.world = new VirtualWorld(new Date(options.now ?? FAR).getTime());
    this.hub = new MemoryHub(1, this.world.now());
    this.#tables = options.tables ?? {};
    this.#pipeline = this.#rewire(pipeline);
    this.#side = captureSink<SideRecord>("$side", { kind: "memory", name: "side" });
    this.#checkpoints = createCheckpointStore({ blobs: memoryBlobs(), world: this.world });
    this.#ports = {
      partition: "0",
      world: this.world,
      checkpoints: this.#checkpoints,
      reader: this.hub.reader(0),
      connections: NO_CONNECTIONS,
      sideOutput: this.#side.sink,
      tables: new TableCache(this.world, NO_CONNECTIONS),
      from: "earliest",
      onLoss: options.onLoss ?? "stop",
      commitEvery: milliseconds(options.commitEvery ?? 0, "commitEvery"),
      onCommit: (metrics) => {
        this.commits.push(metrics);
      },
      wakeAt: async (time) => {
        this.wakeUps.push(time);
        return time;
      },
    };
    this.#task = new Task(this.#pipeline, this.#ports);
  }

  /** Publishes one event and processes it; an object is sent as JSON, bytes and texts as they are. */
  async send(event: unknown, options: SendOptions = {}): Promise<void> {
    this.publish(event, options);
    await this.run();
  }

  /** Publishes without processing: what a trigger left out. */
  publish(event: unknown, { partitionKey, properties = {} }: SendOptions = {}): void {
    const body = encodeEvent(event);
    this.hub.publish(0, { body, enqueuedTime: this.world.now(), partitionKey, properties });
  }

  /** Gives the task all that it has not been given yet, as one batch. */
  async run(): Promise<void> {
    const events = this.hub.from(0, this.#handled);
    this.#handled = (events.at(-1)?.sequenceNumber ?? this.#handled - 1) + 1;
    await this.#task.handle(events, new AbortController().signal);
  }

  /** Leaves out the next events, as a trigger host does that checkpoints a failed batch. */
  skip(events: number): void {
    this.#handled += events;
  }

  /** Goes back to an earlier sequence number, as a trigger host does that lost its checkpoint. */
  rewind(sequenceNumber: number): void {
    this.#handled = sequenceNumber;
  }

  /** The task that runs now; after a restart, another one. */
  get task(): Task {
    return this.#task;
  }

  /** Says that no earlier event time follows: windows up to there close. "end" closes all of them. */
  async advanceTo(time: EventTime | "end"): Promise<void> {
    const watermark = time === "end" ? "end" : String(new Date(time).getTime());
    await this.send("", { properties: { [MARKER_PROPERTY]: watermark } });
  }

  /** Lets time pass without events, then wakes the task as a wake-up message would. */
  async waitFor(time: Duration): Promise<void> {
    this.world.moveTo(this.world.now() + milliseconds(time, "waitFor"));
    await this.#task.wake(new AbortController().signal);
    this.#handled = this.hub.next(0);
  }

  /** What a sink has received so far, in order; without a name, the pipeline's first. */
  results<T = unknown>(sink?: string): readonly T[] {
    const name = sink ?? this.#pipeline.plan.sinks[0]?.name ?? "";
    const captured = this.#captured.get(name);
    if (captured === undefined) {
      throw new TidemarkError("NOT_FOUND", `The pipeline has no sink "${name}".`, {
        fix: `It has: ${[...this.#captured.keys()].join(", ")}.`,
      });
    }
    return captured.values as readonly T[];
  }

  deadLetters(): readonly SideRecord[] {
    return this.#side.values.filter((record) => record.kind === "dead-letter");
  }

  late(): readonly SideRecord[] {
    return this.#side.values.filter((record) => record.kind === "late");
  }

  /** What the checkpoint log says now; undefined before it was opened. */
  status(): Promise<LogStatus | undefined> {
    return this.#checkpoints.peek(this.#task.id);
  }

  /** The newest committed ledger; undefined before the first commit. */
  async ledger(): Promise<LedgerCounts | undefined> {
    return (await this.status())?.ledger;
  }

  /** What a stage has stored: bucket → key → value. Reads the log as a new owner would, and then restarts. */
  async stored(stage: string): Promise<ReadonlyMap<number, ReadonlyMap<string, unknown>>> {
    const start = () => Promise.reject(new Error("nothing was committed yet"));
    const log = await this.#checkpoints.open(this.#task.id, shapeOf(this.#pipeline.plan), start);
    await log.close();
    this.restart();
    return log.recovered.state.get(stage) ?? new Map();
  }

  /** Loses the task's memory as a crash would; the next call recovers from the checkpoint log. */
  restart(): void {
    this.#task = new Task(this.#pipeline, this.#ports);
  }

  /** Replaces the pipeline by another version of it, as a deployment does: the same log, other code. */
  deploy(pipeline: Pipeline): void {
    this.#pipeline = this.#rewire(pipeline);
    this.restart();
  }

  #rewire(pipeline: Pipeline): Pipeline {
    const sinks = (pipeline.plan.sinks as readonly Sink<unknown>[]).map(({ name, target }) => {
      const before = this.#captured.get(name);
      const captured = captureSink<unknown>(
        name,
        target,
        () => this.sinksAway,
        before,
        (value) => this.refuse(value),
      );
      this.#captured.set(name, captured);
      return captured.sink;
    });
    const stages = pipeline.plan.stages.map((stage) => withTables(stage, this.#tables));
    return { name: pipeline.name, plan: { ...pipeline.plan, stages, sinks } as Plan };
  }
}

/** The bytes of an event: an object is sent as JSON, bytes and texts as they are. */
export function encodeEvent(event: unknown): Uint8Array {
  if (event instanceof Uint8Array) return event;
  return Buffer.from(typeof event === "string" ? event : JSON.stringify(event));
}
