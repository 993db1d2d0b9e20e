import { TIDEMARK_CONTAINER } from "../azure/checkpoints.ts";
import { realWorld } from "../azure/world.ts";
import type { BlobPort } from "../checkpoint/blob-port.ts";
import type { LogStatus } from "../checkpoint/checkpoint-log.ts";
import type { CheckpointStore } from "../checkpoint/index.ts";

/** Reads checkpoint logs without taking them over. */
export async function openLogs(connectionString: string): Promise<CheckpointStore> {
  const { createCheckpointStore } = await import("../checkpoint/index.ts");
  return createCheckpointStore({ blobs: await logBlobs(connectionString), world: realWorld });
}

/** The blobs that checkpoint logs are made of. */
export async function logBlobs(connectionString: string): Promise<BlobPort> {
  const [{ BlobServiceClient }, { azureBlobs }] = await Promise.all([
    import("@azure/storage-blob"),
    import("../checkpoint/azure-blobs.ts"),
  ]);
  return azureBlobs(BlobServiceClient.fromConnectionString(connectionString).getContainerClient(TIDEMARK_CONTAINER));
}

/** The statuses of a pipeline's tasks, one for each partition; undefined where a task has no log. */
export function statusOf(
  logs: CheckpointStore,
  pipeline: string,
  partitions: number,
): Promise<(LogStatus | undefined)[]> {
  const ids = Array.from({ length: partitions }, (_, partition) => String(partition));
  return Promise.all(ids.map((partition) => logs.peek({ pipeline, partition })));
}
