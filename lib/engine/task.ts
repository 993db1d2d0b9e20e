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

  /** Stops after the call in hand and gives up the clients; the log stays as it is. */
  close(): Promise<void> {
    return this.#serialize(() => this.#drop());
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
