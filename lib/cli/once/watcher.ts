import type { FunctionsHost, HostEvent, LogEntry } from "../../local/host/index.ts";
import { LatencyHistogram, parseCommitLine } from "../../telemetry/metrics.ts";
import { whole } from "../screen/text.ts";

/** Trouble of the same kind is told once in so many milliseconds. */
const REPEAT_MS = 5000;

/** Follows what host and worker say during a run. */
export class Watcher {
  /** From an event's enqueued time to the delivery of its batch, in pipeline `delays`. */
  readonly latencies = new LatencyHistogram();
  /** Tasks, "pipeline/partition", whose last invocation succeeded: it ends when all that was committed is delivered. */
  readonly settled = new Set<string>();
  /** Changes whenever anything gets done. */
  activity = 0;
  /** Why the run cannot be finished, if so. */
  failure: string | undefined;
  /** When, by performance.now(), the last invocation of a task came to a good end: all that it committed is delivered. */
  lastFinished = 0;
  onProgress: (processed: number) => void = () => {};
  readonly #say: (text: string) => void;
  readonly #positions = new Map<string, number>();
  readonly #told = new Map<string, number>();
  #worker: number | undefined;
  #closed = false;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  readonly log = (entry: LogEntry): void => {
    const commit = parseCommitLine(entry.message);
    if (commit === undefined) {
      if (entry.level === "error" || entry.level === "critical" || entry.level === "warning") this.#tell(entry);
      return;
    }
    this.activity++;
    if (commit.pipeline === "delays") this.latencies.merge(commit.latency);
    this.#came(`${commit.pipeline}/${commit.partition}`, commit.position);
  };

  readonly event = (event: HostEvent): void => {
    if (event.kind === "worker-ready") this.#worker = event.pid;
    if (event.kind === "invocation-started") this.settled.delete(`${event.functionName}/${event.partition}`);
    if (event.kind === "invocation-finished") {
      const task = `${event.functionName}/${event.partition}`;
      if (event.error === undefined) this.settled.add(task);
      else this.settled.delete(task);
      if (event.error === undefined && event.partition !== undefined) this.lastFinished = performance.now();
    }
    if (event.kind === "worker-died") {
      this.#worker = undefined;
      if (!this.#closed) this.#say(`The worker ${event.pid} ended (${event.reason}).`);
    }
    if (event.kind === "host-failed") this.failure = event.message;
    if (event.kind === "checkpointed") {
      this.activity++;
      // A worker that was killed may have committed a batch and not said so any more.
      this.#came(`${event.functionName}/${event.partition}`, event.sequenceNumber + 1);
    }
  };

  /** Kills the worker if there is one at work. */
  kill(host: FunctionsHost): boolean {
    if (this.#worker === undefined) return false;
    this.#worker = undefined;
    host.killWorker("SIGKILL");
    return true;
  }

  describe(): string {
    return `${whole(this.#processed())} processed in three pipelines`;
  }

  /** From now on the end of the worker is no news. */
  close(): void {
    this.#closed = true;
  }

  #came(task: string, position: number): void {
    this.#positions.set(task, Math.max(position, this.#positions.get(task) ?? 0));
    this.onProgress(this.#processed());
  }

  #processed(): number {
    let sum = 0;
    for (const position of this.#positions.values()) sum += position;
    return sum;
  }

  #tell(entry: LogEntry): void {
    // That invocations fail with their worker is no news beside its end.
    if (this.#closed || entry.message.includes("The worker process")) return;
    const text = entry.message.split("\n")[0] ?? "";
    const now = performance.now();
    const before = this.#told.get(text);
    if (before !== undefined && now - before < REPEAT_MS) return;
    this.#told.set(text, now);
    this.#say(text);
  }
}
