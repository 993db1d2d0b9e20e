import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { TidemarkError } from "../../errors.ts";
import { readHostJson } from "./config/host-json.ts";
import { readSettings, SettingsReader } from "./config/settings.ts";
import type { HostEvent, LogEntry, Reporter } from "./events.ts";
import { Host } from "./host.ts";
import type { FunctionMetadata } from "./protocol.ts";
import type { FunctionStatus } from "./status.ts";
import { WorkerSupervisor } from "./supervisor.ts";

export type { HostEvent, LogEntry, LogLevel } from "./events.ts";
export type { Binding, FunctionMetadata } from "./protocol.ts";
export type { FunctionStatus } from "./status.ts";

export interface FunctionsHostOptions {
  /** The folder with the app's package.json and host.json, perhaps local.settings.json. */
  readonly appFolder: string;
  /** The app's settings; they win over local.settings.json. */
  readonly settings?: Readonly<Record<string, string>>;
  /** For HTTP functions; 0 takes any free port. Default 7071. */
  readonly httpPort?: number;
  readonly onLog?: (entry: LogEntry) => void;
  readonly onEvent?: (event: HostEvent) => void;
  /** Arguments of Node for the worker process, such as `--inspect`. */
  readonly nodeArgs?: readonly string[];
  /**
   * What becomes of a batch whose worker process died. `checkpoint` is what the real host does when only the worker
   * dies: the invocation has failed, the host goes on behind it. `redeliver` is what happens when the whole instance is
   * lost: the partitions are read again from the last checkpoint. Default `checkpoint`.
   */
  readonly onWorkerDeath?: "checkpoint" | "redeliver";
  /**
   * False: every failed batch is given up at once and checkpointed, as the real host does when retries are spent or were
   * counted in a process that has ended. Default true: the functions' own policies hold.
   */
  readonly retries?: boolean;
  /** The name under which this host owns partitions; hosts that share a consumer group need different ones. */
  readonly instanceId?: string;
}

export interface FunctionsHost {
  readonly workerPid: number | undefined;
  /** The port of HTTP functions; undefined when the app has none. */
  readonly httpPort: number | undefined;
  functions(): readonly FunctionMetadata[];
  status(): FunctionStatus[];
  /** Sends a signal to the worker process; the host notices its death and starts another. */
  killWorker(signal?: NodeJS.Signals): void;
  /** Drains, ends the worker in good order, starts another and reads on from the host's checkpoints. */
  restart(): Promise<void>;
  /** Gives no more work, waits for what runs, and ends the worker. Default 10,000 ms. */
  stop(options?: { timeoutMs?: number }): Promise<void>;
}

const DEFAULT_STOP_MS = 10_000;
const WORKER_STOP_MS = 1500;

/**
 * Loads a function app through the unmodified `@azure/functions` in a worker process and runs its triggers.
 * Throws CONFIGURATION (settings, host.json, an app that can't be loaded), UNSUPPORTED or PORT_TAKEN.
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const appFolder = resolve(options.appFolder);
  const settings = await readSettings(appFolder, options.settings ?? {});
  const hostJson = await readHostJson(appFolder);
  const reporter = reporterOf(options);
  const redeliverLost = options.onWorkerDeath === "redeliver";
  let host: Host | undefined;
  const supervisor = new WorkerSupervisor(
    { appFolder, env: { ...WORKER_ENVIRONMENT, ...settings }, nodeArgs: options.nodeArgs ?? [] },
    reporter,
    {
      onDeath: () => {
        if (redeliverLost) void reopen(host, reporter);
      },
      // Without a worker every batch would fail and be checkpointed.
      onGivingUp: () => void host?.pause(),
    },
  );
  try {
    const app = await supervisor.start();
    if (app.capabilities.HttpUri !== undefined) throw httpStreamUnsupported();
    const instanceId = options.instanceId ?? defaultInstanceId(appFolder);
    const httpPort = options.httpPort ?? 7071;
    const { retries = true } = options;
    const common = { app, hostJson, supervisor, reporter, httpPort, instanceId, redeliverLost, retries };
    host = new Host({ ...common, settings: new SettingsReader(settings) });
    await host.start();
    return functionsHost(host, supervisor);
  } catch (error) {
    await host?.pause();
    await host?.close();
    await supervisor.stop(WORKER_STOP_MS);
    throw error;
  }
}

const WORKER_ENVIRONMENT = { FUNCTIONS_WORKER_RUNTIME: "node", AZURE_FUNCTIONS_ENVIRONMENT: "Development" };

function functionsHost(host: Host, supervisor: WorkerSupervisor): FunctionsHost {
  let stopping: Promise<void> | undefined;
  return {
    get workerPid() {
      return supervisor.pid;
    },
    get httpPort() {
      return host.httpPort;
    },
    functions: () => host.functions,
    status: () => host.status(),
    killWorker: (signal = "SIGKILL") => supervisor.kill(signal),
    restart: async () => {
      await drain(host, DEFAULT_STOP_MS);
      await supervisor.restart(WORKER_STOP_MS);
      await host.start();
    },
    stop: ({ timeoutMs = DEFAULT_STOP_MS } = {}) => {
      stopping ??= (async () => {
        await drain(host, timeoutMs);
        await supervisor.stop(WORKER_STOP_MS);
        await host.close();
      })();
      return stopping;
    },
  };
}

async function drain(host: Host, timeoutMs: number): Promise<void> {
  const timeout = new AbortController();
  const work = host.pause().then(() => host.executor.drained());
  await Promise.race([work, sleep(timeoutMs, undefined, { signal: timeout.signal }).catch(() => {})]);
  timeout.abort();
}

// The instance is gone and another takes over: everything is read again from the host's checkpoints.
async function reopen(host: Host | undefined, reporter: Reporter): Promise<void> {
  try {
    await host?.pause();
    await host?.start();
  } catch (error) {
    const message = `The triggers could not be started again: ${error instanceof Error ? error.message : error}`;
    reporter.log({ level: "error", category: "Host.Startup", message });
  }
}

function reporterOf({ onLog, onEvent }: FunctionsHostOptions): Reporter {
  return { log: (entry) => onLog?.(entry), event: (event) => onEvent?.(event) };
}

// The same folder gets the same name, so a host that was killed takes its partitions back at once.
function defaultInstanceId(appFolder: string): string {
  return `local-${createHash("sha256").update(`${hostname()}:${appFolder}`).digest("hex").slice(0, 16)}`;
}

function httpStreamUnsupported(): TidemarkError {
  return new TidemarkError("UNSUPPORTED", "The app asks for HTTP streaming, which the local host can't do.", {
    fix: "Leave enableHttpStream out of app.setup().",
  });
}
