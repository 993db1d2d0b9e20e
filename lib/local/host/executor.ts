import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../../errors.ts";
import type { Reporter } from "./events.ts";
import type { FunctionMetadata, InvocationResult, InvokeMessage, RetryContext, TypedData } from "./protocol.ts";
import { mayRetry, retryDelayMs } from "./retry.ts";
import type { WorkerSupervisor } from "./supervisor.ts";
import { WorkerLost, type WorkerProcess } from "./worker-process.ts";

/** What a trigger asks to be run. */
export interface Work {
  readonly func: FunctionMetadata;
  readonly bindingName: string;
  readonly reason: string;
  readonly count: number;
  readonly partition?: string | undefined;
  /** Builds the trigger's value; what it throws fails the invocation before any code of the app runs. */
  input(): WorkInput;
  readonly retry: boolean;
  /** Ends the wait between two retries. */
  readonly signal?: AbortSignal | undefined;
}

export interface WorkInput extends Pick<InvokeMessage, "input" | "sequenceNumbers"> {
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  /** More of the metadata: JSON as bytes. */
  readonly jsonMetadata?: Readonly<Record<string, Uint8Array>>;
  readonly bodies?: readonly Uint8Array[];
}

/** How it went, after all retries. */
export interface Outcome {
  readonly result?: InvocationResult;
  readonly error?: Error;
  /** True when the worker process was lost under the last attempt. */
  readonly workerLost: boolean;
}

export interface ExecutorOptions {
  readonly timeoutMs: number | undefined;
  /** Whether the retry policies of functions hold. */
  readonly retries: boolean;
  /** Writes the output bindings of a successful invocation; what it throws fails the invocation. */
  readonly deliver: (func: FunctionMetadata, result: InvocationResult) => Promise<void>;
}

/** Runs work in the worker with the host's retries and time limit, and counts what runs. */
export class Executor {
  readonly #supervisor: WorkerSupervisor;
  readonly #reporter: Reporter;
  readonly #options: ExecutorOptions;
  readonly #running = new Set<Promise<unknown>>();

  constructor(supervisor: WorkerSupervisor, reporter: Reporter, options: ExecutorOptions) {
    this.#supervisor = supervisor;
    this.#reporter = reporter;
    this.#options = options;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Runs work to its end; never rejects. */
  execute(work: Work): Promise<Outcome> {
    const run = this.#withRetries(work).finally(() => this.#running.delete(run));
    this.#running.add(run);
    return run;
  }

  /** Resolves when nothing runs any more. */
  async drained(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled([...this.#running]);
  }

  async #withRetries(work: Work): Promise<Outcome> {
    const policy = work.retry && this.#options.retries ? work.func.retry : undefined;
    let outcome = await this.#attempt(work, undefined);
    for (let retry = 1; outcome.error !== undefined && policy !== undefined && mayRetry(policy, retry); retry++) {
      try {
        await sleep(retryDelayMs(policy, retry), undefined, { signal: work.signal });
      } catch {
        return outcome;
      }
      outcome = await this.#attempt(work, retryContext(retry, policy.maxRetryCount, outcome.error));
    }
    return outcome;
  }

  async #attempt(work: Work, retryContext: RetryContext | undefined): Promise<Outcome> {
    const { func, count, partition } = work;
    const invocationId = randomUUID();
    const facts = { functionName: func.name, invocationId, partition, count };
    const log = (level: "information" | "error", message: string) =>
      this.#reporter.log({ level, category: `Function.${func.name}`, functionName: func.name, invocationId, message });
    const startedAt = performance.now();
    this.#reporter.event({ kind: "invocation-started", ...facts });
    log("information", `Executing 'Functions.${func.name}' (Reason='${work.reason}', Id=${invocationId})`);
    const outcome = await this.#run(work, invocationId, retryContext);
    const ms = performance.now() - startedAt;
    const how = outcome.error === undefined ? "Succeeded" : "Failed";
    const text = `Executed 'Functions.${func.name}' (${how}, Id=${invocationId}, Duration=${Math.round(ms)}ms)`;
    if (outcome.error === undefined) {
      log("information", text);
      this.#reporter.event({ kind: "invocation-finished", ...facts, ms });
    } else {
      log("error", `${text} ${outcome.error.message}`);
      this.#reporter.event({ kind: "invocation-finished", ...facts, ms, error: outcome.error.message });
    }
    return outcome;
  }

  async #run(work: Work, invocationId: string, retryContext: RetryContext | undefined): Promise<Outcome> {
    try {
      const { input, sequenceNumbers, triggerMetadata, jsonMetadata = {}, bodies = [] } = work.input();
      const { func, bindingName } = work;
      const worker = await this.#supervisor.ready();
      const message: InvokeMessage = {
        kind: "invoke",
        invocationId,
        functionId: func.functionId,
        bindingName,
        input,
        triggerMetadata,
        jsonMetadata: Object.entries(jsonMetadata).map(([name, { length }]) => ({ name, length })),
        sequenceNumbers,
        retryContext,
      };
      const result = await this.#limited(
        worker,
        work,
        invocationId,
        worker.invoke(message, [...Object.values(jsonMetadata), ...bodies]),
      );
      this.#supervisor.succeeded();
      await this.#options.deliver(func, result);
      return { result, workerLost: false };
    } catch (error) {
      return {
        error: error instanceof Error ? error : new Error(messageOf(error)),
        workerLost: error instanceof WorkerLost,
      };
    }
  }

  /** A function that runs over its time can't be stopped, so the real host ends the whole worker; so does this one. */
  async #limited<T>(worker: WorkerProcess, work: Work, invocationId: string, running: Promise<T>): Promise<T> {
    const { timeoutMs } = this.#options;
    if (timeoutMs === undefined) return running;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      worker.kill("SIGKILL");
    }, timeoutMs);
    try {
      return await running;
    } catch (error) {
      if (!late) throw error;
      const name = `'Functions.${work.func.name}' (Id: ${invocationId})`;
      throw new Error(`Timeout value of ${timeoutMs} ms exceeded by function ${name}.`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

function retryContext(retryCount: number, maxRetryCount: number, error: Error | undefined): RetryContext {
  const exception = { message: error?.message ?? "", stackTrace: error?.stack ?? "" };
  return { retryCount, maxRetryCount, exception };
}
