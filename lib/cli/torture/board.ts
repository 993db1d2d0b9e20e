import type { FunctionStatus, HostEvent, LogEntry } from "../../local/host/index.ts";
import { StatusBoard } from "../../local/host/status.ts";
import { parseCommitLine } from "../../telemetry/metrics.ts";

/** One delivers what the old owner owes, the others go beyond it. */
const STALE_COMMITS = 3;

/** What several hosts that share partitions say, put together: who owns which, how far each task came, who took over. */
export class Board {
  /** Tasks whose partition another instance took over, and committed on, while its owner was paused. */
  takeovers = 0;
  /** Of these, the ones whose old owner woke with a batch in hand. */
  zombies = 0;
  /** The ones whose old owner woke with results that it had committed and not delivered. */
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
      if (owner === instance) continue;
      const commits = pausing.commits.get(task);
      if (commits !== undefined) pausing.commits.set(task, commits + 1);
      if (!pausing.opened.delete(task)) continue;
      pausing.commits.set(task, 1);
      this.takeovers++;
      if (pausing.running.has(task)) this.zombies++;
      if (pausing.owing.has(task)) this.debtors++;
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

  /** `owing` are the tasks of which it has results to deliver, as far as is known: those must be taken over. */
  pauseBegan(instance: string, owing: ReadonlySet<string> = new Set()): void {
    const running = new Set(this.inHand(instance));
    const opened = new Set([...owing].filter((task) => this.owners.get(task) !== instance));
    this.#pauses.set(instance, { running, owing, opened, commits: new Map() });
  }

  /** Whether an instance stands still and nobody has committed on one of its partitions yet. */
  get takingOver(): boolean {
    return [...this.#pauses.values()].some(({ owing, commits }) => {
      return commits.size === 0 || (owing.size > 0 && ![...owing].some((task) => commits.has(task)));
    });
  }

  /** Whether others have gone on with everything that an instance owes, so that all of it is stale. */
  allStale(instance: string): boolean {
    const { owing, commits } = this.#pauses.get(instance) ?? { owing: [], commits: new Map<string, number>() };
    return [...owing].every((task) => (commits.get(task) ?? 0) >= STALE_COMMITS);
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
  readonly owing: ReadonlySet<string>;
  /** Tasks that another instance has opened since, and not committed on yet. */
  readonly opened: Set<string>;
  /** How often others have committed on each since. */
  readonly commits: Map<string, number>;
}
