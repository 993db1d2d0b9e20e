// Measures the embedded Cosmos DB server through the SDK, path by path: documents per second and the CPU time per
// document of the client (this process) and of the server (a child process). `--seconds N` per path, default 2;
// `--file` keeps the documents in a file instead of memory; `--only TEXT` picks paths by name.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Container, CosmosClient, type OperationInput } from "@azure/cosmos";
import { startCosmosServer } from "../../lib/local/cosmos/index.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "2" },
    file: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    serve: { type: "string" },
  },
});

interface Path {
  readonly name: string;
  readonly concurrency: number;
  /** Writes some documents and returns how many. */
  readonly write: (container: Container) => Promise<number>;
}

let written = 0;

/** A result of the size the delays pipeline writes: about 260 bytes, with a partition key of its own. */
function document(key?: string) {
  const n = written++;
  return {
    id: `w-2001-01-01T05:00:00.000Z-${n}`,
    pk: key ?? `k${n}`,
    origin: "ORD",
    airport: "Chicago O'Hare International",
    state: "IL",
    windowStart: "2001-01-01T05:00:00.000Z",
    windowEnd: "2001-01-01T06:00:00.000Z",
    flights: n,
    late: 7,
    avgDelay: 12.345,
    p95Delay: 48.5,
  };
}

const upserts = (count: number, key?: string): OperationInput[] =>
  Array.from({ length: count }, () => ({ operationType: "Upsert", resourceBody: document(key) }));

const brief = { contentResponseOnWriteEnabled: false };

async function checked(results: readonly { readonly statusCode: number }[]): Promise<number> {
  const bad = results.find(({ statusCode }) => statusCode >= 300);
  if (bad !== undefined) throw new Error(`An operation failed: ${JSON.stringify(bad)}`);
  return results.length;
}

async function batch(container: Container, size: number, options?: typeof brief): Promise<number> {
  const key = `b${written}`;
  return checked((await container.items.batch(upserts(size, key), key, options)).result ?? []);
}

async function executeBulk(container: Container, size: number): Promise<number> {
  const operations = Array.from({ length: size }, () => {
    const resourceBody = document();
    return { operationType: "Upsert" as const, partitionKey: resourceBody.pk, resourceBody };
  });
  const results = await container.items.executeBulkOperations(operations);
  return checked(results.map(({ response }) => ({ statusCode: response?.statusCode ?? 500 })));
}

const paths: readonly Path[] = [
  { name: "items.create", concurrency: 64, write: (c) => c.items.create(document()).then(() => 1) },
  { name: "items.upsert", concurrency: 64, write: (c) => c.items.upsert(document()).then(() => 1) },
  { name: "items.batch of 1", concurrency: 64, write: (c) => batch(c, 1, brief) },
  { name: "items.batch of 2", concurrency: 64, write: (c) => batch(c, 2, brief) },
  { name: "items.batch of 20", concurrency: 16, write: (c) => batch(c, 20) },
  { name: "items.batch of 20, no bodies", concurrency: 16, write: (c) => batch(c, 20, brief) },
  { name: "items.batch of 100, no bodies", concurrency: 8, write: (c) => batch(c, 100, brief) },
  { name: "items.bulk of 100 keys", concurrency: 8, write: async (c) => checked(await c.items.bulk(upserts(100))) },
  {
    name: "items.bulk of 100 keys, no bodies",
    concurrency: 8,
    write: async (c) => checked(await c.items.bulk(upserts(100), undefined, brief)),
  },
  {
    name: "items.bulk of 20 keys, no bodies",
    concurrency: 16,
    write: async (c) => checked(await c.items.bulk(upserts(20), undefined, brief)),
  },
  { name: "executeBulkOperations of 5,000", concurrency: 1, write: (c) => executeBulk(c, 5000) },
];

interface Usage {
  readonly microseconds: number;
}

async function serve(dataFile: string): Promise<void> {
  const server = await startCosmosServer({ port: 0, ...(dataFile !== "" && { dataFile }) });
  server.ensureContainer("db", "c", ["/pk"]);
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ microseconds: user + system } satisfies Usage);
  });
  process.on("disconnect", () => void server.stop());
  process.send?.(server.connectionString);
}

async function usageOf(child: ChildProcess): Promise<number> {
  child.send("usage");
  const [usage] = (await once(child, "message")) as [Usage];
  return usage.microseconds;
}

async function drive(path: Path, container: Container, milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  let documents = 0;
  const worker = async () => {
    while (performance.now() < end) {
      const count = await path.write(container);
      documents += count;
    }
  };
  await Promise.all(Array.from({ length: path.concurrency }, worker));
  return documents;
}

async function measure(path: Path, container: Container, child: ChildProcess): Promise<void> {
  await drive(path, container, 500);
  const serverBefore = await usageOf(child);
  const clientBefore = process.cpuUsage();
  const start = performance.now();
  const documents = await drive(path, container, Number(values.seconds) * 1000);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(clientBefore);
  const server = (await usageOf(child)) - serverBefore;
  const columns = [
    path.name.padEnd(36),
    Math.round(documents / seconds)
      .toString()
      .padStart(8),
    ((user + system) / documents).toFixed(1).padStart(10),
    (server / documents).toFixed(1).padStart(10),
  ];
  console.log(columns.join(" "));
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "cosmos-bench-"));
  const dataFile = values.file ? join(folder, "data.sqlite") : "";
  const child = fork(import.meta.filename, ["--serve", dataFile]);
  const [connectionString] = (await once(child, "message")) as [string];
  const client = new CosmosClient(connectionString);
  const container = client.database("db").container("c");
  console.log(`${"path".padEnd(36)} ${"docs/s".padStart(8)} ${"client µs".padStart(10)} ${"server µs".padStart(10)}`);
  for (const path of paths.filter(({ name }) => name.includes(values.only))) await measure(path, container, child);
  client.dispose();
  child.disconnect();
  await once(child, "exit");
  rmSync(folder, { recursive: true });
}

if (values.serve === undefined) await main();
else await serve(values.serve);
