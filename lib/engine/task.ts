import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import type { Pipeline } from "../stream/pipeline.ts";
import { type Plan, tablesOf } from "../stream/plan.ts";
import { inOrder } from "./align.ts";
import { isFenced, waitForOwner } from "./contention.ts";
import { Witnesses } from "./isolation.ts";
import { type CommitMetrics, Meter } from "./meter.ts";
import { OpenTask } from "./open-task.ts";
import type { HubEvent, PartitionReader, TaskId, World } from "./ports.ts";
import type { Lasting } from "./recover.ts";
import { Seclusion } from "./seclusion.ts";
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
  /** Shared by all tasks of a process; default: one of its own. */
  readonly seclusion?: Seclusion;
  /** Where a task without a log begins. */
  readonly from: StartPosition;
  /** What to do when the hub's retention has removed events that were never processed. */
  readonly onLoss: "stop" | "continue";
  /** Milliseconds that processed events may wait for their commit; 0, the default: every batch commits at once. */
  readonly commitEvery?: number;
  /** Aborted when the app is about to end: then nobody waits to try an event again. */
  readonly ending?: AbortSignal;
  /**
   * Asks to be woken at a time by the clock, because windows will be due although no event comes. Resolves to that time,
   * or to an earlier one at which somebody comes anyhow.
   */
  readonly wakeAt?: (time: number, position: number) => Promise<number>;
  readonly onCommit?: (metrics: CommitMetrics) => void;
}

/** What an observer sees of a task without taking it over. */
export interface Look {
  /**
   * "work": the hub holds what was not committed, or there is no log yet. "rest": no event waits, but time must move on
   * or a delivery be confirmed.
   */
  readonly need: "nothing" | "rest" | "work";
  /** Which frame of the log is the newest: when it changes, somebody works. */
  readonly frame: string;
  /** The sequence number that the hub's next event will get. */
  readonly next: number;
  /** When, by the clock, silence alone will make the next result due; milliseconds since the epoch. */
  readonly idleDue: number | undefined;
  readonly position: number;
  /** When the log was read, milliseconds since the epoch. */
  readonly at: number;
}

/** A log that was reset shows by itself only: whoever remembers that there was nothing to do asks it once an hour. */
const REMEMBERED_MS = 3_600_000;

/**
 * One pipeline on one partition: align → decode → process → commit → emit → confirm. Calls run one after the other.
 * After any failure between processing and commit the memory is dropped, and the next call opens the log anew.
 */
export class Task {
  readonly id: TaskId;
  readonly #plan: Plan;
  readonly #ports: TaskPorts;
  readonly #lasting: Lasting;
  #open: OpenTask | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #calls = 0;

  constructor(pipeline: Pipeline, ports: TaskPorts) {
    this.#plan = pipeline.plan;
    this.#ports = ports;
    this.id = { pipeline: this.#plan.name, partition: ports.partition };
    const meter = new Meter(this.id, ports.world, ports.onCommit);
    this.#lasting = { meter, witnesses: new Witnesses(), seclusion: ports.seclusion ?? new Seclusion() };
  }

  /**
   * Processes a batch in the order of its sequence numbers; resolves when it is committed and delivered, by this owner or by
   * another that took over meanwhile.
   */
  handle(batch: readonly HubEvent[], signal: AbortSignal): Promise<void> {
    const events = inOrder(batch);
    const end = (events.at(-1)?.sequenceNumber ?? -1) + 1;
    return this.#serialize(() => this.#untilCommitted(end, signal, (task) => task.handle(events, signal)));
  }

  /** Processes what the hub holds beyond the task's position; resolves to the number of events. Throws FENCED. */
  catchUp(signal: AbortSignal): Promise<number> {
    return this.#serialize(() => this.#withOpen((task) => task.catchUp(signal)));
  }

  /**
   * Does what silence asks for: processes what the trigger left in the hub, commits what waits for its commit, and when
   * the hub is proven empty moves event time on. A memory that another owner has left behind is dropped first. Throws
   * FENCED.
   */
  wake(signal: AbortSignal): Promise<void> {
    return this.#serialize(async () => {
      if (await this.#open?.superseded()) await this.#drop();
      await this.#withOpen((task) => task.wake(signal));
    });
  }

  /**
   * Commits what was processed and waits for its commit. Its host takes it for done: after another owner has taken over,
   * only this one knows that the hub may hold events that nobody else was given.
   */
  flush(signal: AbortSignal): Promise<void> {
    return this.#serialize(async () => {
      if (this.#open?.flushDue === undefined) return;
      const end = this.#open.position;
      await this.#untilCommitted(end, signal, async (task) => {
        if (task.position < end) await task.catchUp(signal);
        else await task.flush(signal);
      });
    });
  }

  /** When what waits for its commit should have it, milliseconds since the epoch; undefined when nothing waits. */
  get flushDue(): number | undefined {
    return this.#open?.flushDue;
  }

  /** Whether something was delivered and the log does not say so yet. */
  get unconfirmed(): boolean {
    return this.#open?.unconfirmed ?? false;
  }

  /** Whether a call is being answered, or waits for its turn. */
  get busy(): boolean {
    return this.#calls > 0;
  }

  /** Whether this very object holds the task: it is open, and nobody has taken over since. */
  async holds(): Promise<boolean> {
    return this.#open !== undefined && !(await this.#open.superseded());
  }

  /**
   * Looks at the log and at the hub without taking the task over. With a look that saw nothing to do, the log is left
   * alone for up to an hour, as long as the hub has not moved and the time that look named has not come.
   */
  async look(previous?: Look): Promise<Look> {
    const { checkpoints, reader, world } = this.#ports;
    const bounds = await reader.bounds();
    const at = world.now();
    // In either direction: a clock that was put back must not make an hour a year.
    const fresh = previous !== undefined && Math.abs(at - previous.at) < REMEMBERED_MS;
    if (fresh && previous.need === "nothing" && previous.next === bounds.next && !isDue(previous.idleDue, world))
      return previous;
    const status = await checkpoints.peek(this.id);
    const { first, next } = bounds;
    if (status === undefined) {
      return { need: next > first ? "work" : "nothing", frame: "none", next, idleDue: undefined, position: first, at };
    }
    const { generation, sequence, position, pendingFrames, idleDue } = status;
    const rest = pendingFrames > 0 || isDue(idleDue, world);
    const need = next > position ? "work" : rest ? "rest" : "nothing";
    return { need, frame: `${generation}-${sequence}`, next, idleDue, position, at };
  }

  /** Whether a call of `wake` could do anything, looked up without taking the task over. */
  async needsWaking(): Promise<boolean> {
    return (await this.look()).need !== "nothing";
  }

  /** Stops after the call in hand and gives up the clients; the log stays as it is. */
  close(): Promise<void> {
    return this.#serialize(async () => {
      await this.#open?.flush(new AbortController().signal).catch(() => undefined);
      await this.#drop();
    });
  }

  #serialize<T>(work: () => Promise<T>): Promise<T> {
    this.#calls++;
    const result = this.#last.then(work);
    const done = () => {
      this.#calls--;
    };
    this.#last = result.then(done, done);
    return result;
  }

  /** Works until all below a position is committed, by this owner or by another that took over meanwhile. */
  async #untilCommitted(end: number, signal: AbortSignal, work: (task: OpenTask) => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await this.#withOpen(work);
      } catch (thrown) {
        if (!isFenced(thrown)) throw thrown;
        if (await waitForOwner(this.#ports, this.id, end, signal)) return;
      }
    }
  }

  /** Runs on the open task, which is opened when there is none, and dropped when its memory is ahead of its log. */
  async #withOpen<T>(work: (task: OpenTask) => Promise<T>): Promise<T> {
    await this.#ports.tables.refresh(tablesOf(this.#plan));
    this.#open ??= await OpenTask.open(this.#plan, this.id, this.#ports, this.#lasting);
    const open = this.#open;
    try {
      return await work(open);
    } catch (thrown) {
      if (open.spoiled || !(await this.#wasReset(open))) throw thrown;
      await this.#drop();
      throw new TidemarkError("FENCED", "The task's log was reset.", { ...this.id, cause: thrown });
    } finally {
      if (open.spoiled) await this.#drop();
    }
  }

  /** Whether a log was reset since it was opened: who fails before every commit is never told so by one. */
  async #wasReset(open: OpenTask): Promise<boolean> {
    try {
      if (!(await open.superseded())) return false;
      return (await this.#ports.checkpoints.peek(this.id))?.generation !== open.generation;
    } catch {
      return false;
    }
  }

  async #drop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }
}

function isDue(time: number | undefined, world: World): boolean {
  return time !== undefined && world.now() >= time;
}
