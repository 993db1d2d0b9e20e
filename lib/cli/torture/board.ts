import type { FunctionStatus, HostEvent, LogEntry } from "../../local/host/index.ts";
import { StatusBoard } from "../../local/host/status.ts";
import type { Fence } from "../../sinks/cosmos/fence.ts";
import { parseCommitLine } from "../../telemetry/metrics.ts";
import { type Debts, makesStale } from "./debts.ts";

/** What several hosts that share partitions say, put together: who owns which, how far each task came, who took over. */
export class Board {
  /** Tasks whose partition another instance took over, and committed on, while its owner was paused. */
  takeovers = 0;
  /** Of these, the ones whose old owner woke with a batch in hand. */
  zombies = 0;
  /** Tasks whose old owner woke with results to deliver of which another had written newer versions meanwhile. */
  debtors = 0;
  /** Other changes of a partition's owner. */
  rebalances = 0;
  /** "pipeline/partition" → how far the last commit came that was delivered. */
  readonly positions = new Map<string, number>();
  /** "pipeline/partition" → the instance that opened it last. */
  readonly owners = new Map<string, string>();
  readonly #status = new StatusBoard();
  /** By instance, then by invocation. */
  readonly #running = new Map<string, Map<string, { readonly task: string; readonly done: (ok: boolean) => void }>>();
  readonly #pauses = new Map<string, Pausing>();

  /** How far all tasks came together. */
  get processed(): number {
    return [...this.positions.values()].reduce((sum, position) => sum + position, 0);
  }

  status(): FunctionStatus[] {
    return this.#status.rows();
  }

  event(instance: string, event: HostEvent): void {
    if (event.kind === "invocation-started") {
      const { functionName, partition, invocationId } = event;
      const done = this.#status.began(functionName, partition);
      this.#invocations(instance).set(invocationId, { task: `${functionName}/${partition}`, done });
    } else if (event.kind === "invocation-finished") {
      this.#invocations(instance)
        .get(event.invocationId)
        ?.done(event.error === undefined);
      this.#invocations(instance).delete(event.invocationId);
    } else if (event.kind === "checkpointed") {
      this.#checkpointed(event.functionName, event.partition, event.sequenceNumber);
    } else if (event.kind === "partition-opened") {
      this.#opened(instance, `${event.functionName}/${event.partition}`);
    }
  }

  log(instance: string, entry: LogEntry): void {
    const commit = parseCommitLine(entry.message);
    if (commit === undefined) return;
    const task = `${commit.pipeline}/${commit.partition}`;
    this.moved(task, commit.position);
    for (const [owner, pausing] of this.#pauses) {
      if (owner === instance) continue;
      if (!pausing.opened.delete(task)) continue;
      pausing.taken.add(task);
      this.takeovers++;
      if (pausing.running.has(task)) this.zombies++;
    }
  }

  /** A document of a frame was overwritten by a newer frame of its task. */
  overtaken(frame: Fence, by: Fence): void {
    for (const { debts, stale } of this.#pauses.values()) {
      const debt = debts.get(frame.task);
      if (debt !== undefined && makesStale(debt, frame, by)) stale.add(frame.task);
    }
  }

  /** Notes how far a task came; it never goes back. */
  moved(task: string, position: number): void {
    this.positions.set(task, Math.max(position, this.positions.get(task) ?? 0));
  }

  /** An instance has ended with all that it had in hand. */
  gone(instance: string): void {
    for (const { done } of this.#invocations(instance).values()) done(false);
    this.#running.delete(instance);
  }

  /** Whether an instance has a batch of a partition of its own in hand. */
  busy(instance: string): boolean {
    return this.inHand(instance).some((task) => this.owners.get(task) === instance);
  }

  /** The tasks of which an instance has a batch in hand, also when another has opened their partition since. */
  inHand(instance: string): string[] {
    return [...new Set([...this.#invocations(instance).values()].map(({ task }) => task))];
  }

  /** `debts` are the results that it has to deliver, as far as is known: those tasks must be taken over. */
  pauseBegan(instance: string, debts: Debts = new Map()): void {
    const running = new Set(this.inHand(instance));
    const opened = new Set([...debts.keys()].filter((task) => this.owners.get(task) !== instance));
    this.#pauses.set(instance, { running, debts, opened, taken: new Set(), stale: new Set() });
  }

  /** Whether an instance stands still and nobody has committed on one of its partitions yet. */
  get takingOver(): boolean {
    return [...this.#pauses.values()].some(({ debts, taken }) => {
      return taken.size === 0 || (debts.size > 0 && ![...debts.keys()].some((task) => taken.has(task)));
    });
  }

  /** The tasks of which an instance that stands still owes something that is stale by now. */
  staleOf(instance: string): ReadonlySet<string> {
    return this.#pauses.get(instance)?.stale ?? new Set();
  }

  pauseEnded(instance: string): void {
    const pausing = this.#pauses.get(instance);
    this.rebalances += pausing?.opened.size ?? 0;
    this.debtors += pausing?.stale.size ?? 0;
    this.#pauses.delete(instance);
  }

  /** A host that lost a partition may say what it had read there after the next owner has read more. */
  #checkpointed(functionName: string, partition: string, sequenceNumber: number): void {
    const row = this.status().find((one) => one.functionName === functionName && one.partition === partition);
    if (sequenceNumber > (row?.checkpointedSequence ?? -1)) {
      this.#status.checkpointed(functionName, partition, sequenceNumber);
    }
  }

  #opened(instance: string, task: string): void {
    const before = this.owners.get(task);
    this.owners.set(task, instance);
    if (before === undefined || before === instance) return;
    const pausing = this.#pauses.get(before);
    if (pausing === undefined) this.rebalances++;
    else pausing.opened.add(task);
  }

  #invocations(instance: string) {
    const known = this.#running.get(instance);
    if (known !== undefined) return known;
    const made = new Map();
    this.#running.set(instance, made);
    return made as NonNullable<typeof known>;
  }
}

/** An instance that stands still. */
interface Pausing {
  /** Tasks of which it had a batch in hand. */
  readonly running: ReadonlySet<string>;
  readonly debts: Debts;
  /** Tasks that another instance has opened since, and not committed on yet. */
  readonly opened: Set<string>;
  /** Tasks that another has committed on since. */
  readonly taken: Set<string>;
  /** Tasks that it owes results of which others have written newer versions since. */
  readonly stale: Set<string>;
}
