import type { LogContext } from "./context.ts";
import { type ListedBlob, listTask } from "./listing.ts";
import type { SnapshotRef } from "./records.ts";

/**
 * Removes what nobody needs once a frame that refers to a snapshot is durable: the segments and payloads that it
 * covers, older snapshots, older generations. Never wrong, however late it runs: what is needed later is newer.
 */
export async function removeCovered(context: LogContext, generation: number, snapshot: SnapshotRef): Promise<void> {
  const { blobs } = await listTask(context);
  for (const blob of blobs) if (isCovered(blob, generation, snapshot)) await context.blobs.remove(blob.name);
}

function isCovered(blob: ListedBlob, generation: number, snapshot: SnapshotRef): boolean {
  if (blob.generation !== generation) return blob.generation < generation;
  return blob.kind === "snapshot" ? blob.ordinal < snapshot.through : blob.ordinal <= snapshot.through;
}
