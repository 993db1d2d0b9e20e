import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  type FunctionsHost,
  type FunctionsHostOptions,
  type HostEvent,
  type LogEntry,
  startFunctionsHost,
} from "../../../lib/local/host/index.ts";

const NODE_MODULES = fileURLToPath(new URL("../../../node_modules", import.meta.url));
const HOST_JSON = { version: "2.0", extensions: { queues: { maxPollingInterval: "00:00:00.2" } } };

export interface TestApp {
  readonly folder: string;
  remove(): Promise<void>;
}

/** Writes a function app to a folder of its own; `files` are contents by path. */
export async function writeApp(
  files: Readonly<Record<string, string>>,
  hostJson: object = HOST_JSON,
): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-app-"));
  await symlink(NODE_MODULES, join(folder, "node_modules"));
  const all = { "package.json": '{"type":"module","main":"main.ts"}', "host.json": JSON.stringify(hostJson), ...files };
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A host under test, with all that it said. */
export interface ObservedHost {
  readonly host: FunctionsHost;
  readonly logs: readonly LogEntry[];
  readonly events: readonly HostEvent[];
  /** What the app's functions logged, parsed when it is JSON. */
  said(): unknown[];
  /** Waits until the condition holds; fails after ten seconds with what was logged. */
  until(condition: () => boolean): Promise<void>;
}

export async function startObserved(options: Omit<FunctionsHostOptions, "onLog" | "onEvent">): Promise<ObservedHost> {
  const logs: LogEntry[] = [];
  const events: HostEvent[] = [];
  const host = await startFunctionsHost({
    httpPort: 0,
    ...options,
    onLog: (entry) => logs.push(entry),
    onEvent: (event) => events.push(event),
  });
  const until = async (condition: () => boolean): Promise<void> => {
    const patience = performance.now() + PATIENCE_MS;
    while (!condition()) {
      if (performance.now() > patience) {
        const text = logs.map(({ level, category, message }) => `${level} ${category} ${message}`).join("\n");
        throw new Error(`It did not happen within ten seconds. The log:\n${text}`);
      }
      await sleep(5);
    }
  };
  const said = () => logs.filter(({ category }) => category.endsWith(".User")).map(({ message }) => parsed(message));
  return { host, logs, events, said, until };
}

const PATIENCE_MS = 10_000;

function parsed(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return message;
  }
}
