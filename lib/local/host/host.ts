import type { HostJson } from "./config/host-json.ts";
import type { SettingsReader } from "./config/settings.ts";
import { EventHubListener, type EventHubTrigger } from "./event-hubs/listener.ts";
import type { Reporter } from "./events.ts";
import { Executor } from "./executor.ts";
import { HttpListener } from "./http/listener.ts";
import type { Listener } from "./listener.ts";
import { Outputs } from "./outputs.ts";
import type { FunctionMetadata } from "./protocol.ts";
import { QueueListener } from "./queue/listener.ts";
import { type FunctionStatus, StatusBoard } from "./status.ts";
import type { WorkerSupervisor } from "./supervisor.ts";
import { TimerListener } from "./timer/listener.ts";
import { readTriggers } from "./triggers.ts";
import type { LoadedApp } from "./worker-process.ts";

export interface HostParts {
  readonly app: LoadedApp;
  readonly hostJson: HostJson;
  readonly settings: SettingsReader;
  readonly supervisor: WorkerSupervisor;
  readonly reporter: Reporter;
  readonly httpPort: number;
  readonly instanceId: string;
  readonly redeliverLost: boolean;
  readonly retries: boolean;
}

/** The listeners of a loaded app, and what they share. */
export class Host {
  readonly executor: Executor;
  readonly functions: readonly FunctionMetadata[];
  readonly #status = new StatusBoard();
  readonly #outputs = new Outputs();
  readonly #listeners: readonly Listener[];
  readonly #http: HttpListener | undefined;

  /** Throws CONFIGURATION or UNSUPPORTED when something that a function wants isn't there. */
  constructor(parts: HostParts) {
    const { app, hostJson, settings, supervisor, reporter } = parts;
    this.functions = app.functions;
    this.executor = new Executor(supervisor, reporter, {
      timeoutMs: hostJson.functionTimeoutMs,
      retries: parts.retries,
      deliver: (func, result) => this.#outputs.deliver(func, result),
    });
    const triggers = readTriggers(app.functions, settings);
    for (const func of app.functions) this.#outputs.add(func, settings, hostJson.queues);
    const needsStorage = [...triggers.eventHubs, ...triggers.timers].map(({ func }) => func.name);
    const storage = needsStorage.map((name) => settings.connection("AzureWebJobsStorage", name))[0] ?? "";
    settings.check();

    for (const message of sharedGroups(triggers.eventHubs)) {
      reporter.log({ level: "warning", category: "Host.Startup", message });
    }
    const keepEmpty = /^true$/i.test(app.capabilities.IncludeEmptyEntriesInMessagePayload ?? "");
    const shared = { reporter, executor: this.executor, status: this.#status };
    const hubs = triggers.eventHubs.map((trigger) => {
      const { instanceId, redeliverLost } = parts;
      const options = { trigger, storageConnectionString: storage, hubs: hostJson.eventHubs, instanceId, keepEmpty };
      return new EventHubListener({ ...shared, ...options, redeliverLost });
    });
    const timers = triggers.timers.map((trigger) => new TimerListener(trigger, this.executor, this.#status));
    const queues = triggers.queues.map(
      (trigger) => new QueueListener(trigger, hostJson.queues, this.executor, reporter, this.#status),
    );
    if (triggers.http.length > 0) {
      const { routePrefix } = hostJson.http;
      this.#http = new HttpListener(triggers.http, routePrefix, parts.httpPort, this.executor, this.#status);
    }
    this.#listeners = [...(this.#http === undefined ? [] : [this.#http]), ...hubs, ...timers, ...queues];
  }

  get httpPort(): number | undefined {
    return this.#http?.port;
  }

  status(): FunctionStatus[] {
    return this.#status.rows();
  }

  async start(): Promise<void> {
    for (const listener of this.#listeners) await listener.start();
  }

  /** Gives no more work; what runs goes on. */
  async pause(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.stop()));
  }

  async close(): Promise<void> {
    await this.#http?.close();
    await this.#outputs.close();
  }
}

/** Functions with the same consumer group take partitions and checkpoints from each other, here as in Azure. */
function sharedGroups(triggers: readonly EventHubTrigger[]): string[] {
  const groups = Map.groupBy(triggers, ({ eventHubName, consumerGroup }) => `${eventHubName}/${consumerGroup}`);
  return [...groups]
    .filter(([, users]) => users.length > 1)
    .map(([group, users]) => {
      const names = users.map(({ func }) => func.name).join(", ");
      return `Functions ${names} share the consumer group ${group}: each sees only a part of the events. Give each its own.`;
    });
}
