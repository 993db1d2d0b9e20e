import type { FunctionStatus, HostEvent, LogEntry } from "../../local/host/index.ts";
import { StatusBoard } from "../../local/host/status.ts";
import { parseCommitLine } from "../../telemetry/metrics.ts";

/** What several hosts that share partitions say, put together: who owns which, how far each task came, who took over. */
export class Board {
  /** Tasks whose partition another instance took over, and committed on, while its owner was paused. */
  takeovers = 0;
  /** Of these, the ones whose old owner woke with a batch in hand. */
  zombies = 0;
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
      this.#status.checkpointed(event.functionName, event.partition, event.sequenceNumber);
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
      if (owner === instance || !pausing.opened.delete(task)) continue;
      this.takeovers++;
      pausing.done++;
      if (pausing.running.has(task)) this.zombies++;
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
    return [...this.#invocations(instance).values()].some(({ task }) => this.owners.get(task) === instance);
  }

  pauseBegan(instance: string): void {
    const running = new Set([...this.#invocations(instance).values()].map(({ task }) => task));
    this.#pauses.set(instance, { running, opened: new Set(), done: 0 });
  }

  /** Whether an instance stands still and nobody has committed on one of its partitions yet. */
  get takingOver(): boolean {
    return [...this.#pauses.values()].some(({ done }) => done === 0);
  }

  pauseEnded(instance: string): void {
    this.rebalances += this.#pauses.get(instance)?.opened.size ?? 0;
    this.#pauses.delete(instance);
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
  /** Tasks that another instance has opened since, and not committed on yet. */
  readonly opened: Set<string>;
  /** How many others have committed on. */
  done: number;
}
