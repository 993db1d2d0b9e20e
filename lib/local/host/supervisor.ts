import { setTimeout as sleep } from "node:timers/promises";
import { messageOf, TidemarkError } from "../../errors.ts";
import type { Reporter } from "./events.ts";
import { type LoadedApp, type WorkerOptions, WorkerProcess } from "./worker-process.ts";

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5000;
/** So many deaths without one successful invocation in between, and the app is taken to be broken. */
const MAX_FRUITLESS_STARTS = 5;

export interface SupervisorHooks {
  /** The worker died; another is about to be started. */
  onDeath(): void;
  /** No other worker will be started: nobody may be given work any more. */
  onGivingUp(): void;
}

/** Keeps one worker process alive: starts it, starts another when it dies, and gives up when that is no use. */
export class WorkerSupervisor {
  readonly #options: WorkerOptions;
  readonly #reporter: Reporter;
  readonly #hooks: SupervisorHooks;
  #worker: WorkerProcess | undefined;
  #ready = Promise.withResolvers<WorkerProcess>();
  #fruitless = 0;
  #restarts = 0;
  #stopping = false;
  #gaveUp = false;

  constructor(options: WorkerOptions, reporter: Reporter, hooks: SupervisorHooks) {
    this.#options = options;
    this.#reporter = reporter;
    this.#hooks = hooks;
    this.#ready.promise.catch(() => {});
  }

  get pid(): number | undefined {
    return this.#worker?.pid;
  }

  /** Starts the first worker; rejects with the app's own message when it can't be loaded. */
  start(): Promise<LoadedApp> {
    return this.#launch();
  }

  /** The worker that takes invocations; waits while one is being started, rejects when the host has given up. */
  ready(): Promise<WorkerProcess> {
    return this.#ready.promise;
  }

  /** Says that the worker does useful work, so that its next death is not counted as a failed start. */
  succeeded(): void {
    this.#fruitless = 0;
  }

  kill(signal: NodeJS.Signals): void {
    this.#worker?.kill(signal);
  }

  /** Ends the worker in good order and starts another. */
  async restart(timeoutMs: number): Promise<void> {
    this.#fruitless = 0;
    if (this.#gaveUp) {
      this.#gaveUp = false;
      this.#ready = Promise.withResolvers();
      await this.#launch();
    } else {
      await this.#worker?.stop(timeoutMs);
      await this.ready();
    }
  }

  async stop(timeoutMs: number): Promise<void> {
    this.#stopping = true;
    this.#ready.reject(new TidemarkError("UNAVAILABLE", "The Functions host is stopping."));
    await this.#worker?.stop(timeoutMs);
  }

  async #launch(): Promise<LoadedApp> {
    const startedAt = performance.now();
    const worker = await WorkerProcess.start(this.#options, this.#reporter);
    this.#worker = worker;
    if (this.#stopping) await worker.stop(WORKER_STOP_MS);
    const pid = worker.pid ?? 0;
    let app: LoadedApp;
    try {
      app = await worker.loaded;
    } catch (error) {
      await worker.stop(WORKER_STOP_MS);
      throw error;
    }
    const ms = Math.round(performance.now() - startedAt);
    this.#reporter.event({ kind: "worker-ready", pid, ms, restarts: this.#restarts });
    void worker.exited.then((reason) => this.#died(pid, reason));
    this.#ready.resolve(worker);
    return app;
  }

  #died(pid: number, reason: string): void {
    if (this.#stopping) return;
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {});
    this.#reporter.event({ kind: "worker-died", pid, reason });
    this.#reporter.log({
      level: "error",
      category: "Host.Worker",
      message: `The worker process ${pid} ended: ${reason}.`,
    });
    this.#hooks.onDeath();
    void this.#relaunch();
  }

  async #relaunch(): Promise<void> {
    for (;;) {
      this.#fruitless += 1;
      if (this.#fruitless > MAX_FRUITLESS_STARTS) return this.#giveUp("It dies as often as it is started.");
      const inMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#fruitless - 1));
      this.#restarts += 1;
      this.#reporter.event({ kind: "worker-restarting", inMs, attempt: this.#fruitless });
      await sleep(inMs);
      if (this.#stopping) return;
      try {
        await this.#launch();
        return;
      } catch (error) {
        if (this.#stopping) return;
        this.#reporter.log({ level: "error", category: "Host.Worker", message: messageOf(error) });
        // An app that can't be loaded will not load the next time either.
        if (error instanceof TidemarkError) return this.#giveUp(error.message);
      }
    }
  }

  #giveUp(why: string): void {
    const message = `The worker process is not started again. ${why}`;
    this.#gaveUp = true;
    this.#hooks.onGivingUp();
    this.#reporter.log({ level: "critical", category: "Host.Worker", message });
    this.#reporter.event({ kind: "host-failed", message });
    this.#ready.reject(new TidemarkError("UNAVAILABLE", message));
  }
}

const WORKER_STOP_MS = 1500;
