import type { BlobItem, ContainerClient } from "@azure/storage-blob";
import { blobError } from "../../checkpoint/azure-blobs.ts";
import type { SideKind } from "../../engine/side-record.ts";
import { sideBlobName } from "../../sinks/side-output.ts";
import { parseRecords, type StoredRecord } from "./stored-record.ts";

/** Which records are asked for; what is undefined is not asked. */
export interface Selection {
  readonly kinds: readonly SideKind[];
  readonly pipeline?: string | undefined;
  readonly partition?: string | undefined;
  readonly ids?: readonly string[];
}

/** How many blobs are read at the same time. */
const AT_ONCE = 16;

/** Reads the selected records, those written last first. A storage account without any has none. Throws UNAVAILABLE. */
export async function* readRecords(container: ContainerClient, selection: Selection): AsyncGenerator<StoredRecord> {
  const blobs = (await Promise.all(prefixesOf(selection).map((prefix) => list(container, prefix)))).flat();
  blobs.sort((a, b) => writtenAt(b) - writtenAt(a) || (a.name < b.name ? 1 : -1));
  const ids = selection.ids?.length ? new Set(selection.ids) : undefined;
  for (let at = 0; at < blobs.length; at += AT_ONCE) {
    const chunk = blobs.slice(at, at + AT_ONCE);
    const contents = await Promise.all(chunk.map(async ({ name }) => parseRecords(name, await read(container, name))));
    for (const records of contents) yield* records.filter(({ id }) => ids?.has(id) ?? true).reverse();
  }
}

/** Everything under as narrow a name as the selection allows. */
function prefixesOf({ kinds, pipeline, partition, ids }: Selection): string[] {
  const places = ids?.length
    ? [...new Set(ids.map((id) => id.split("/").slice(0, 2).join("/")))].map((place) => `${place}/`)
    : [pipeline === undefined ? "" : partition === undefined ? `${pipeline}/` : `${pipeline}/${partition}/`];
  return kinds.flatMap((kind) => places.map((place) => `${folderOf(kind)}/${place}`));
}

function folderOf(kind: SideKind): string {
  const stamp = { pipeline: "", partition: "", generation: 0, sequence: 0, nonce: "" };
  return sideBlobName(kind, stamp).split("/")[0] as string;
}

async function list(container: ContainerClient, prefix: string): Promise<BlobItem[]> {
  try {
    return await Array.fromAsync(container.listBlobsFlat({ prefix }));
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ContainerNotFound") return [];
    throw blobError("list", prefix, thrown);
  }
}

function writtenAt({ properties }: BlobItem): number {
  return properties.lastModified.getTime();
}

async function read(container: ContainerClient, name: string): Promise<string> {
  try {
    return (await container.getBlobClient(name).downloadToBuffer()).toString("utf8");
  } catch (thrown) {
    // Old blobs expire; one may do so just now.
    if ((thrown as { statusCode?: unknown }).statusCode === 404) return "";
    throw blobError("read", name, thrown);
  }
}
