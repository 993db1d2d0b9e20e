import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { type Plan, tablesOf } from "../stream/plan.ts";
import { isFenced, waitForOwner } from "./contention.ts";
import { type CommitMetrics, Meter } from "./meter.ts";
import { OpenTask } from "./open-task.ts";
import type { HubEvent, PartitionReader, TaskId, World } from "./ports.ts";
import type { SideRecord } from "./side-record.ts";
import type { Connections, Sink } from "./sink.ts";
import type { StartPosition } from "./start.ts";
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
  /** Milliseconds that processed events may wait for their commit; 0, the default: every batch commits at once. */
  readonly commitEvery?: number;
  /** Asks to be woken at a time by the clock, because windows will be due although no event comes. */
  readonly wakeAt?: (time: number, position: number) => Promise<void>;
  readonly onCommit?: (metrics: CommitMetrics) => void;
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
  #open: OpenTask | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(pipeline: Pipeline, ports: TaskPorts) {
    this.#plan = pipeline.plan;
    this.#ports = ports;
    this.id = { pipeline: this.#plan.name, partition: ports.partition };
    this.#meter = new Meter(this.id, ports.world, ports.onCommit);
  }

  /**
   * Processes a batch, in order of sequence numbers; resolves when it is committed and delivered, by this owner or by
   * another that took over meanwhile.
   */
  handle(events: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const end = (events.at(-1)?.sequenceNumber ?? -1) + 1;
    return this.#serialize(async () => {
      for (;;) {
        try {
          return await this.#withOpen((task) => task.handle(events, signal));
        } catch (thrown) {
          if (!isFenced(thrown) || (await waitForOwner(this.#ports, this.id, end, signal))) {
            if (isFenced(thrown)) return;
            throw thrown;
          }
        }
      }
    });
  }

  /** Processes what the hub holds beyond the task's position; resolves to the number of events. Throws FENCED. */
  catchUp(signal: AbortSignal): Promise<number> {
    return this.#serialize(() => this.#withOpen((task) => task.catchUp(signal)));
  }

  /**
   * Does what silence asks for: processes what the trigger left in the hub, commits what waits for its commit, and when
   * the hub is proven empty moves event time on. Throws FENCED.
   */
  wake(signal: AbortSignal): Promise<void> {
    return this.#serialize(() => this.#withOpen((task) => task.wake(signal)));
  }

  /** Whether a call of `wake` could do anything, looked up without taking the task over. */
  async needsWaking(): Promise<boolean> {
    const status = await this.#ports.checkpoints.peek(this.id);
    const bounds = await this.#ports.reader.bounds();
    if (status === undefined) return bounds.next > bounds.first;
    if (bounds.next > status.position || status.pendingFrames > 0) return true;
    return status.idleDue !== undefined && this.#ports.world.now() >= status.idleDue;
  }

  /** Stops after the call in hand and gives up the clients; the log stays as it is. */
  close(): Promise<void> {
    return this.#serialize(async () => {
      await this.#open?.flush(new AbortController().signal).catch(() => undefined);
      await this.#drop();
    });
  }

  #serialize<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Runs on the open task, which is opened when there is none, and dropped when its memory is ahead of its log. */
  async #withOpen<T>(work: (task: OpenTask) => Promise<T>): Promise<T> {
    await this.#ports.tables.refresh(tablesOf(this.#plan));
    this.#open ??= await OpenTask.open(this.#plan, this.id, this.#ports, this.#meter);
    try {
      return await work(this.#open);
    } finally {
      if (this.#open.spoiled) await this.#drop();
    }
  }

  async #drop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }
}
