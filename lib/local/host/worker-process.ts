import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream";
import { fileURLToPath } from "node:url";
import { TidemarkError } from "../../errors.ts";
import type { LogLevel, Reporter } from "./events.ts";
import { FramedChannel } from "./framed-channel.ts";
import { splitLines } from "./lines.ts";
import type {
  FunctionMetadata,
  HostMessage,
  InvocationFailure,
  InvocationResult,
  InvokeMessage,
  WorkerMessage,
} from "./protocol.ts";
import { socketPair } from "./socket-pair.ts";

export interface WorkerOptions {
  readonly appFolder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly nodeArgs: readonly string[];
}

export interface LoadedApp {
  readonly functions: readonly FunctionMetadata[];
  readonly capabilities: Readonly<Record<string, string>>;
}

/** A function threw; the message and stack come from the worker. */
export class FunctionFailed extends Error {
  constructor(failure: InvocationFailure) {
    super(failure.message);
    this.name = "FunctionFailed";
    this.stack = failure.stack;
  }
}

/** The worker process ended while an invocation ran in it. */
export class WorkerLost extends Error {
  constructor(reason: string) {
    super(`The worker process ended: ${reason}.`);
    this.name = "WorkerLost";
  }
}

interface Pending {
  resolve(result: InvocationResult): void;
  reject(error: Error): void;
}

const HOST_VERSION = "4.1040.0";
const LAST_WORDS_MS = 500;

/** One worker process: it loads the app once and runs invocations until it ends, which it may do at any moment. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #socket: Socket;
  readonly #channel: FramedChannel<WorkerMessage, HostMessage>;
  readonly #reporter: Reporter;
  readonly #pending = new Map<string, Pending>();
  readonly #loaded = Promise.withResolvers<LoadedApp>();
  readonly #exited = Promise.withResolvers<string>();
  #alive = true;

  private constructor(options: WorkerOptions, reporter: Reporter, [near, far]: readonly [Socket, Socket]) {
    this.#reporter = reporter;
    this.#socket = near;
    const main = fileURLToPath(new URL("./worker/main.ts", import.meta.url));
    this.#child = spawn(process.execPath, [...options.nodeArgs, main], {
      cwd: options.appFolder,
      env: { NODE_COMPILE_CACHE: join(tmpdir(), "tidemark-compile-cache"), ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe", far],
    });
    // The process has an end of its own now; with ours open, its death would not show.
    far.destroy();
    this.#child.once("error", (error) => this.#ended(error.message));
    this.#child.once("exit", (code, signal) => this.#exits(signal ?? `exit code ${code}`));
    splitLines(this.#child.stdout, (line) => this.#console("information", line));
    splitLines(this.#child.stderr, (line) => this.#console(levelOfErrorLine(line), line));
    this.#channel = new FramedChannel(near, (message) => this.#receive(message));
    // A failed load is reported by whoever waits for it.
    this.#loaded.promise.catch(() => {});
    if (this.pid !== undefined) reporter.event({ kind: "worker-started", pid: this.pid });
    this.#channel.send({ kind: "load", appFolder: options.appFolder, hostVersion: HOST_VERSION });
  }

  /** Starts a process; what goes wrong then is told by `loaded` and `exited`. */
  static async start(options: WorkerOptions, reporter: Reporter): Promise<WorkerProcess> {
    return new WorkerProcess(options, reporter, await socketPair());
  }

  get pid(): number | undefined {
    return this.#alive ? this.#child.pid : undefined;
  }

  /** Resolves once the app has loaded; rejects with what it threw, or with the way the process ended. */
  get loaded(): Promise<LoadedApp> {
    return this.#loaded.promise;
  }

  /** Resolves with the exit code or signal. */
  get exited(): Promise<string> {
    return this.#exited.promise;
  }

  /** Runs one invocation; rejects with FunctionFailed or WorkerLost. */
  invoke(message: InvokeMessage, bodies: readonly Uint8Array[]): Promise<InvocationResult> {
    if (!this.#alive) return Promise.reject(new WorkerLost("it was gone before the invocation began"));
    return new Promise((resolve, reject) => {
      this.#pending.set(message.invocationId, { resolve, reject });
      this.#channel.send(message, bodies);
    });
  }

  /** Sends a signal to the process. */
  kill(signal: NodeJS.Signals): void {
    if (this.#alive) this.#child.kill(signal);
  }

  /** Ends the process: asks it first, then SIGTERM, then SIGKILL, each after a third of the time. */
  async stop(timeoutMs: number): Promise<void> {
    if (!this.#alive) return;
    this.#channel.send({ kind: "terminate" });
    const timers = (["SIGTERM", "SIGKILL"] as const).map((signal, i) =>
      setTimeout(() => this.#child.kill(signal), ((i + 1) * timeoutMs) / 3),
    );
    await this.exited;
    for (const timer of timers) clearTimeout(timer);
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === "log") {
      const { kind: _kind, ...entry } = message;
      this.#reporter.log(entry);
    } else if (message.kind === "loaded") {
      this.#loaded.resolve(message);
    } else if (message.kind === "load-failed") {
      this.#loaded.reject(new TidemarkError("CONFIGURATION", message.message));
    } else {
      const pending = this.#pending.get(message.invocationId);
      this.#pending.delete(message.invocationId);
      if (message.kind === "result") pending?.resolve(message.result);
      else pending?.reject(new FunctionFailed(message.failure));
    }
  }

  // What the process said last may still be on its way when its end is known.
  #exits(reason: string): void {
    const ended = () => this.#ended(reason);
    finished(this.#socket, { writable: false }, ended);
    setTimeout(ended, LAST_WORDS_MS).unref();
  }

  #ended(reason: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#loaded.reject(new WorkerLost(`${reason}, while the app was loading`));
    // Those who wait for the end go first, so that nobody is sent to this worker by a failed invocation's successor.
    this.#exited.resolve(reason);
    for (const { reject } of this.#pending.values()) reject(new WorkerLost(reason));
    this.#pending.clear();
  }

  #console(level: LogLevel, message: string): void {
    this.#reporter.log({ level, category: "Host.Function.Console", message });
  }
}

// The real host guesses the level of a line on standard error from its words.
function levelOfErrorLine(line: string): LogLevel {
  if (/warn/i.test(line)) return "warning";
  return /error|fail|severe|unhandled exception/i.test(line) ? "error" : "information";
}
