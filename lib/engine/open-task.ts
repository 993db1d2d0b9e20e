import type { StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import { type Plan, shapeOf, tablesOf } from "../stream/plan.ts";
import { align, contiguous } from "./align.ts";
import { Commits } from "./commits.ts";
import { EventRunner } from "./event-runner.ts";
import { Losses } from "./losses.ts";
import { PartitionGuard } from "./partition-guard.ts";
import { portions } from "./portions.ts";
import type { HubEvent, PartitionBounds, TaskId } from "./ports.ts";
import { checkSameHub, closeSinks, type Lasting, type Parts, recover } from "./recover.ts";
import { lossRecord } from "./side-record.ts";
import { resolveStart } from "./start.ts";
import type { TaskPorts } from "./task.ts";

/** How many events a repair processes before it commits. */
const REPAIR_CHUNK = 2_000;
/** A hub is not removed, made anew and filled up to a task's position in less time. */
const LEAST_TIME_TO_MAKE_A_HUB_MS = 10_000;

/** A task that owns its log: the memory that is true as long as no append fails. */
export class OpenTask {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #parts: Parts;
  readonly #commits: Commits;
  readonly #runner: EventRunner;
  readonly #losses: Losses;

  private constructor(plan: Plan, id: TaskId, ports: TaskPorts, { meter, seclusion }: Lasting, parts: Parts) {
    this.#id = id;
    this.#ports = ports;
    this.#parts = parts;
    this.#losses = new Losses(parts.log.recovered.state);
    const tables = tablesOf(plan);
    this.#commits = new Commits({ id, ports, parts, meter, seclusion, tables });
    this.#runner = new EventRunner({ id, ports, parts, seclusion, commits: this.#commits, tables });
  }

  /** Opens the log, fences earlier owners, and recovers. */
  static async open(plan: Plan, id: TaskId, ports: TaskPorts, lasting: Lasting): Promise<OpenTask> {
    const bounds = await ports.reader.bounds();
    const guard = new PartitionGuard(plan, id, ports);
    const start = async (): Promise<StartPoint> => {
      await guard.checkSiblings(bounds);
      return resolveStart(id, ports, bounds);
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
    await this.#commits.deliver(signal);
    const { gap, repeated, fresh } = align(processor.position, events);
    if (this.#mayBeOfAnotherHub(events[repeated - 1], fresh[0])) await this.#bounds();
    if (gap !== undefined) await this.#repair(gap.to, signal);
    await this.#processRead(events, signal);
    // Where all was committed before, its owner may have ended before it asked.
    await this.#commits.askToBeWoken();
  }

  /** Whether the hub may be another one: something new has a number that was given before, or comes after long enough. */
  #mayBeOfAnotherHub(repeated: HubEvent | undefined, next: HubEvent | undefined): boolean {
    const { lastEnqueued } = this.#parts.processor;
    if (repeated !== undefined && repeated.enqueuedTime > lastEnqueued) return true;
    return next !== undefined && next.enqueuedTime - lastEnqueued > LEAST_TIME_TO_MAKE_A_HUB_MS;
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
    if (processor.idle(asked, lastEnqueued)) await this.#commits.commit(signal);
    if (this.unconfirmed) await this.#commits.commit(signal);
    await this.#commits.askToBeWoken();
  }

  /** Processes all that the hub held when it was asked; later it may hold more. */
  async #readOn(signal: AbortSignal): Promise<{ readonly asked: number; readonly lastEnqueued: number }> {
    await this.#commits.deliver(signal);
    const asked = this.#ports.world.now();
    const { next, lastEnqueued } = await this.#bounds();
    await this.#repair(next, signal);
    await this.flush(signal);
    return { asked, lastEnqueued };
  }

  /** Commits what was processed and waits for its commit. */
  async flush(signal: AbortSignal): Promise<void> {
    await this.#commits.flush(signal);
  }

  /** The sequence number after the last event that was processed, committed or not. */
  get position(): number {
    return this.#parts.processor.position;
  }

  /** Of the log that it opened. */
  get generation(): number {
    return this.#parts.log.recovered.generation;
  }

  /** When what waits for its commit should have it, milliseconds since the epoch; undefined when nothing waits. */
  get flushDue(): number | undefined {
    return this.#commits.due;
  }

  /** Whether something was delivered and the log does not say so yet. */
  get unconfirmed(): boolean {
    return this.#commits.unconfirmed;
  }

  /** Whether the memory is ahead of the log: then it must be thrown away. */
  get spoiled(): boolean {
    return this.#commits.spoiled;
  }

  /** Whether another owner has taken the log over. */
  superseded(): Promise<boolean> {
    return this.#parts.log.superseded();
  }

  async close(): Promise<void> {
    const { log, sinks } = this.#parts;
    await Promise.allSettled([log.close(), closeSinks(sinks)]);
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
    await guard.checkEvents(events, log.recovered.start);
    for (const run of contiguous(align(processor.position, events).fresh)) {
      const { gap } = align(processor.position, run);
      if (gap !== undefined) await this.#loseBelow(gap.to, signal);
      for (const portion of portions(run)) await this.#runner.process(portion, signal);
    }
  }

  /** What the hub holds; throws HUB_RECREATED or PARTITIONS_CHANGED when it is not as it was when the log began. */
  async #bounds(): Promise<PartitionBounds> {
    const { log, processor, guard } = this.#parts;
    const bounds = await this.#ports.reader.bounds();
    // It may not know yet of the newest events that it has given us.
    checkSameHub(this.#id, log.recovered.start, Math.min(processor.position, bounds.next), bounds);
    guard.check(log.recovered.start, bounds);
    return bounds;
  }

  /** Takes note of what the hub no longer holds, up to a position. */
  async #loseBelow(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    if (processor.position >= to) return;
    const { first } = await this.#bounds();
    if (first > processor.position) await this.#lose(Math.min(first, to), signal);
  }

  /** Tells of a loss that ends before a position, once, and goes on behind it or stops before it as the pipeline says. */
  async #lose(to: number, signal: AbortSignal): Promise<void> {
    const { processor } = this.#parts;
    const from = processor.position;
    await this.#commits.assertOwner();
    const stops = this.#ports.onLoss === "stop";
    const untold = this.#losses.untoldSince(from);
    if (untold < to) processor.sideRecord(lossRecord(this.#id, untold, to, this.#ports.world.now()));
    if (!stops) processor.lose(to);
    if (untold < to || !stops) await this.#commits.commit(signal, untold < to ? [this.#losses.note(to)] : []);
    if (stops) throw eventsLost(this.#id, from, to);
  }
}

function eventsLost(id: TaskId, from: number, to: number): TidemarkError {
  return new TidemarkError(
    "EVENTS_LOST",
    `The hub no longer holds sequence numbers ${from} to ${to - 1}: retention removed them before they were processed.`,
    {
      ...id,
      fix: 'A dead letter has the range. Restore them from Capture, or go on without them: handle(…, { onLoss: "continue" }).',
    },
  );
}
