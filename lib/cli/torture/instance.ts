import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../errors.ts";
import type { HostEvent, LogEntry } from "../../local/host/index.ts";
import { taskName } from "../../sinks/cosmos/fence.ts";
import { parseCommitLine } from "../../telemetry/metrics.ts";
import { type ChildService, startChild } from "../services/child-service.ts";
import type { Guard } from "./guard.ts";
import type { InstanceOptions, Told } from "./instance-child.ts";

export interface InstanceEvents {
  event(instance: string, event: HostEvent): void;
  log(instance: string, entry: LogEntry): void;
  /** Its processes have ended; what they had in hand is lost. */
  gone(instance: string): void;
  /** Something about the instance itself that belongs into the log. */
  note(instance: string, text: string): void;
}

const RETRY_MS = 500;

/** One place for a Functions host and its worker: when they end, others are started in it. */
export class Instance {
  readonly name: string;
  readonly #options: Omit<InstanceOptions, "instanceId">;
  readonly #events: InstanceEvents;
  readonly #guard: Guard;
  readonly #stopped = new AbortController();
  #host: ChildService<undefined> | undefined;
  #worker: { readonly pid: number; readonly ready: boolean; readonly committed: Set<string> } | undefined;
  #paused = false;
  #startMs = 0;
  /** Counts the hosts: the name under which one owns partitions dies with it when its replacement is another. */
  #incarnation = 0;
  #id = 0;

  constructor(name: string, options: Omit<InstanceOptions, "instanceId">, events: InstanceEvents, guard: Guard) {
    this.name = name;
    this.#options = options;
    this.#events = events;
    this.#guard = guard;
  }

  /** Whether a worker is there that works. */
  get working(): boolean {
    return this.up && this.#worker?.ready === true;
  }

  /** Tasks, "pipeline/partition", of which this worker has committed and delivered something since it was started. */
  get committed(): ReadonlySet<string> {
    return this.#worker?.committed ?? new Set();
  }

  /** Whether the host runs and is not paused. */
  get up(): boolean {
    return this.#host !== undefined && !this.#paused;
  }

  /** How many milliseconds its last worker took to start: a measure of what the machine can do at the moment. */
  get startMs(): number {
    return this.#startMs;
  }

  /** Starts the first host; throws what keeps it from starting. */
  async startFirst(): Promise<void> {
    this.#begun(await this.#startHost(++this.#incarnation), this.#incarnation);
  }

  /** Starts a host, again and again until one has started: storage may be away. */
  async start(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const incarnation = ++this.#incarnation;
      try {
        const host = await this.#startHost(incarnation);
        if (signal.aborted) return await host.stop();
        this.#begun(host, incarnation);
        return;
      } catch (error) {
        this.#lost();
        this.#events.note(this.name, `did not start: ${messageOf(error)}`);
        await sleep(RETRY_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  killWorker(): void {
    this.#signal("SIGKILL", this.#worker?.pid);
    this.#worker = undefined;
  }

  /** Kills host and worker, and starts a replacement after some milliseconds. */
  async kill(downMs: number, renamed: boolean): Promise<void> {
    const { pid } = this.#host ?? {};
    const worker = this.#worker?.pid;
    this.#incarnation++;
    this.#lost();
    this.#signal("SIGKILL", pid);
    this.#signal("SIGKILL", worker);
    if (renamed) this.#id++;
    await sleep(downMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
    await this.start();
  }

  /** Stops the worker where it stands, and its host too when asked, for as long as something lasts. */
  async pause(how: { whole: boolean; hostFirst: boolean; apartMs: number }, lasts: Promise<void>): Promise<void> {
    const pids = [how.whole ? this.#host?.pid : undefined, this.#worker?.pid];
    this.#paused = true;
    for (const pid of pids) this.#halt(pid);
    try {
      await lasts;
    } finally {
      const [first, second] = how.hostFirst ? pids : pids.toReversed();
      this.#goOn(first);
      if (how.whole) await sleep(how.apartMs, undefined, { signal: this.#stopped.signal }).catch(() => {});
      this.#goOn(second);
      this.#paused = false;
    }
  }

  /** Ends host and worker in good order, and starts no other. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const pid of [this.#host?.pid, this.#worker?.pid]) this.#goOn(pid);
    await this.#host?.stop();
  }

  #startHost(incarnation: number): Promise<ChildService<undefined>> {
    const options: InstanceOptions = { ...this.#options, instanceId: `torture-${this.name}-${this.#id}` };
    const module = new URL("./instance-child.ts", import.meta.url);
    return startChild<undefined>(`Host ${this.name}`, module, options, (value) => {
      if (incarnation === this.#incarnation) this.#told(value as Told);
    });
  }

  #told(told: Told): void {
    if (told.kind === "log") {
      const commit = parseCommitLine(told.entry.message);
      if (commit !== undefined) this.#worker?.committed.add(taskName(commit));
      this.#events.log(this.name, told.entry);
      return;
    }
    const { event } = told;
    if (event.kind === "worker-started") this.#worker = { pid: event.pid, ready: false, committed: new Set() };
    if (event.kind === "worker-ready") {
      this.#worker = { pid: event.pid, ready: true, committed: new Set() };
      this.#startMs = event.ms;
    }
    if (event.kind === "worker-died" && this.#worker?.pid === event.pid) this.#worker = undefined;
    this.#events.event(this.name, event);
    // As the platform does with an instance whose worker will not start.
    if (event.kind === "host-failed") void this.kill(0, false);
  }

  #begun(host: ChildService<undefined>, incarnation: number): void {
    this.#host = host;
    void host.exited.then((how) => this.#ended(incarnation, how));
  }

  #ended(incarnation: number, how: string): void {
    if (incarnation !== this.#incarnation || this.#stopped.signal.aborted) return;
    this.#events.note(this.name, `ended by itself: ${how}`);
    this.#lost();
    void this.start();
  }

  #lost(): void {
    this.#host = undefined;
    this.#worker = undefined;
    this.#events.gone(this.name);
  }

  #halt(pid: number | undefined): void {
    if (pid === undefined) return;
    this.#guard.stopping(pid);
    this.#signal("SIGSTOP", pid);
  }

  #goOn(pid: number | undefined): void {
    if (pid === undefined) return;
    this.#signal("SIGCONT", pid);
    this.#guard.continued(pid);
  }

  #signal(signal: NodeJS.Signals, pid: number | undefined): void {
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch (error) {
      // It ended a moment ago, and we have not been told yet.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}
