import { TIDEMARK_CONTAINER } from "../azure/checkpoints.ts";
import { realWorld } from "../azure/world.ts";
import type { LogStatus } from "../checkpoint/checkpoint-log.ts";
import type { CheckpointStore } from "../checkpoint/index.ts";

/** Reads checkpoint logs without taking them over. */
export async function openLogs(connectionString: string): Promise<CheckpointStore> {
  const [{ BlobServiceClient }, { createCheckpointStore }, { azureBlobs }] = await Promise.all([
    import("@azure/storage-blob"),
    import("../checkpoint/index.ts"),
    import("../checkpoint/azure-blobs.ts"),
  ]);
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient(TIDEMARK_CONTAINER);
  return createCheckpointStore({ blobs: azureBlobs(container), world: realWorld });
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
