import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TidemarkError } from "../../errors.ts";
import { endOf, lastWordsOf } from "../last-words.ts";
import type { StorageMessage, StoragePorts } from "./messages.ts";

export type { StoragePorts } from "./messages.ts";

export interface StorageOptions {
  /** 0 takes any free port. Default 10000. */
  readonly blobPort?: number | undefined;
  /** 0 takes any free port. Default 10001. */
  readonly queuePort?: number | undefined;
  /** 0 takes any free port. Default 10002. */
  readonly tablePort?: number | undefined;
  /** Where the data lives; absent: in memory only. */
  readonly dataFolder?: string | undefined;
}

export interface Storage {
  readonly ports: StoragePorts;
  readonly connectionString: string;
  /** The process id of Azurite's process. */
  readonly pid: number | undefined;
  /** Resolves with the way it ended. */
  readonly exited: Promise<string>;
  /** The last lines that it wrote to standard error. */
  lastWords(): readonly string[];
  /** Saves everything and ends the process. */
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";
// The emulator's account and key are public, the same on every machine.
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const STOP_TIMEOUT_MS = 5000;

/**
 * Starts Azurite in a process of its own, without telemetry, API version check and access log.
 * Throws PORT_TAKEN when one of the ports is in use.
 */
export async function startStorage(options: StorageOptions = {}): Promise<Storage> {
  const { blobPort = 10000, queuePort = 10001, tablePort = 10002, dataFolder } = options;
  const child = spawn(
    process.execPath,
    [
      "--disable-warning=DEP0040",
      fileURLToPath(new URL("./server.ts", import.meta.url)),
      JSON.stringify({ host: HOST, blobPort, queuePort, tablePort, dataFolder }),
    ],
    { stdio: ["ignore", "ignore", "pipe", "ipc"], env: { ...process.env, NODE_COMPILE_CACHE: compileCache() } },
  );
  const lastWords = lastWordsOf(child);
  const exited = endOf(child);
  const ports = await readyPorts(child);
  // The parent may end without stop(): Azurite notices and ends too.
  child.unref();
  child.channel?.unref();
  return {
    ports,
    connectionString: connectionString(ports),
    ...{ pid: child.pid, exited, lastWords },
    stop: () => stop(child, exited),
  };
}

/** The connection string of the emulator's public account on these ports. */
export function connectionString(ports: StoragePorts): string {
  const endpoint = (service: keyof StoragePorts) => `http://${HOST}:${ports[service]}/${ACCOUNT}`;
  return [
    "DefaultEndpointsProtocol=http",
    `AccountName=${ACCOUNT}`,
    `AccountKey=${KEY}`,
    `BlobEndpoint=${endpoint("blob")}`,
    `QueueEndpoint=${endpoint("queue")}`,
    `TableEndpoint=${endpoint("table")};`,
  ].join(";");
}

async function readyPorts(child: ChildProcess): Promise<StoragePorts> {
  const exited = new AbortController();
  const gone = once(child, "exit", { signal: exited.signal }).then(([code, signal]): StorageMessage => {
    return { kind: "failed", message: `its process ended with ${signal ?? `exit code ${code}`}` };
  });
  gone.catch(() => {});
  const answered = once(child, "message", { signal: exited.signal }).then(([message]) => message as StorageMessage);
  answered.catch(() => {});
  const answer = await Promise.race([answered, gone]).finally(() => exited.abort());
  if (answer.kind === "ready") return answer.ports;
  if (answer.kind === "port-taken") {
    throw new TidemarkError("PORT_TAKEN", `Port ${answer.port} for the ${answer.service} service is in use.`, {
      fix: "Stop what listens there or choose another port.",
    });
  }
  throw new TidemarkError("UNAVAILABLE", `Azurite did not start: ${answer.message}.`);
}

async function stop(child: ChildProcess, exited: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  if (child.connected) child.send("stop");
  else child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

// Compiled code is kept between runs: Azurite is a thousand modules.
function compileCache(): string {
  return process.env.NODE_COMPILE_CACHE ?? join(tmpdir(), "tidemark-compile-cache");
}
