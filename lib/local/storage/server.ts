/**
 * The child process that runs Azurite: its CPU time then falls on the other core and a long save of its metadata
 * stops nobody else. It ends by itself, with everything saved, when its parent is gone.
 */
import { mkdir } from "node:fs/promises";
import { type AzuriteOptions, type AzuriteServer, type AzuriteServers, createAzurite } from "./azurite.ts";
import type { StorageMessage } from "./messages.ts";
import { MetadataSaver } from "./saver.ts";

const SAVE_INTERVAL_MS = 1000;

const options = JSON.parse(process.argv[2] ?? "{}") as AzuriteOptions;
// A terminal sends Ctrl-C to the whole group: the parent decides when this process ends.
process.on("SIGINT", () => {});

let close: () => Promise<void> = async () => {};
let closing = false;
const shutDown = (): void => {
  if (closing) return;
  closing = true;
  void close().finally(() => process.exit(0));
};
process.on("SIGTERM", shutDown);
process.on("disconnect", shutDown);
process.on("message", (message) => message === "stop" && shutDown());
// It may have gone before anybody listened.
if (process.send !== undefined && !process.connected) shutDown();

try {
  await run();
} catch (error) {
  report({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}

async function run(): Promise<void> {
  if (options.dataFolder !== undefined) await mkdir(options.dataFolder, { recursive: true });
  const servers = createAzurite(options);
  const listed: readonly [keyof AzuriteServers, number][] = [
    ["blob", options.blobPort],
    ["queue", options.queuePort],
    ["table", options.tablePort],
  ];
  for (const [service, port] of listed) await startOne(service, servers[service], port);
  const saver = options.dataFolder === undefined ? undefined : new MetadataSaver(servers, SAVE_INTERVAL_MS);
  close = async () => {
    await saver?.close();
    await Promise.allSettled([servers.blob.close(), servers.queue.close(), servers.table.close()]);
  };
  const port = (server: AzuriteServer) => Number(new URL(server.getHttpServerAddress()).port);
  report({
    kind: "ready",
    ports: { blob: port(servers.blob), queue: port(servers.queue), table: port(servers.table) },
  });
}

async function startOne(service: keyof AzuriteServers, server: AzuriteServer, port: number): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    report({ kind: "port-taken", service, port });
    process.exit(1);
  }
}

function report(message: StorageMessage): void {
  process.send?.(message);
}
