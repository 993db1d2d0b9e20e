import type { BlobServiceClient, BlockBlobClient, ContainerClient } from "@azure/storage-blob";
import { parquetReadObjects } from "hyparquet";
import type { Connections } from "../../lib/engine/sink.ts";

export type StoredRow = Readonly<Record<string, unknown>> & { readonly _generation: number; readonly _batch: number };

interface Entry {
  readonly pipeline: string;
  readonly partition: string;
  readonly generation: number;
  readonly batch: number;
  readonly files: readonly { readonly path: string; readonly rows: number }[];
}

/** All blobs of a container by name, those of the manifest too. */
export async function contentsOf(container: ContainerClient): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  if (!(await container.exists())) return found;
  for await (const { name } of container.listBlobsFlat()) {
    found.set(name, await container.getBlobClient(name).downloadToBuffer());
  }
  return found;
}

/** The files that count, as docs/files.md says: those that the manifest of each task's newest generation lists. */
export function countedFiles(blobs: ReadonlyMap<string, Buffer>): string[] {
  const entries = [...blobs]
    .filter(([name]) => name.includes("_manifest/"))
    .map(([, content]) => JSON.parse(content.toString()) as Entry);
  const tasks = Map.groupBy(entries, ({ pipeline, partition }) => `${pipeline}/${partition}`);
  return [...tasks.values()].flatMap((ofTask) => {
    const newest = Math.max(...ofTask.map(({ generation }) => generation));
    const counted = ofTask.filter(({ generation }) => generation === newest);
    return counted.sort((a, b) => a.batch - b.batch).flatMap(({ files }) => files.map(({ path }) => path));
  });
}

/** The rows of the files that count, in the order of their batches. */
export async function countedRows(blobs: ReadonlyMap<string, Buffer>): Promise<StoredRow[]> {
  const rows: StoredRow[] = [];
  for (const path of countedFiles(blobs)) rows.push(...(await rowsOf(path, blobs.get(path) as Buffer)));
  return rows;
}

export async function rowsOf(path: string, content: Buffer): Promise<StoredRow[]> {
  if (path.endsWith(".parquet")) {
    const { buffer, byteOffset, byteLength } = content;
    const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    return (await parquetReadObjects({ file })) as StoredRow[];
  }
  const lines = content.toString().trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line) as StoredRow);
}

/** Connections of which the n-th upload fails when armed: it happens, and its answer is lost. */
export function losingAnswers(
  connections: Connections,
): Connections & { lose(uploads: number, then?: () => void): void } {
  let armed = 0;
  let onLost = (): void => undefined;
  const through = (service: BlobServiceClient): BlobServiceClient =>
    watching(service, "getContainerClient", (container) =>
      watching(container as ContainerClient, "getBlockBlobClient", (blob) =>
        watching(blob as BlockBlobClient, "upload", async (answer) => {
          await answer;
          if (armed === 0 || --armed > 0) return answer;
          onLost();
          throw Object.assign(new Error("the answer was lost"), { statusCode: 503 });
        }),
      ),
    );
  return {
    ...connections,
    blobs: async (connection) => through(await connections.blobs(connection)),
    lose: (uploads, then = () => undefined) => {
      armed = uploads;
      onLost = then;
    },
  };
}

/** An object of which the result of one method is replaced. */
function watching<T extends object>(target: T, method: keyof T & string, then: (result: unknown) => unknown): T {
  return new Proxy(target, {
    get: (object, name) => {
      const value = Reflect.get(object, name, object) as unknown;
      if (typeof value !== "function") return value;
      const call = (...parameters: unknown[]) => Reflect.apply(value, object, parameters);
      return name === method ? (...parameters: unknown[]) => then(call(...parameters)) : call;
    },
  });
}
