import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import type { CheckpointLimits } from "../checkpoint/limits.ts";
import type { World } from "../engine/ports.ts";
import type { AzureConnections } from "./connections.ts";

/** The container of checkpoint logs, dead letters and late events. */
export const TIDEMARK_CONTAINER = "tidemark";

/**
 * Opens the checkpoint logs of a storage account, and makes their container when it is missing and may be made. Throws
 * UNAVAILABLE.
 */
export async function openCheckpoints(
  connections: AzureConnections,
  connection: string,
  world: World,
  limits: Partial<CheckpointLimits> = {},
): Promise<CheckpointStore> {
  const [{ createCheckpointStore }, { azureBlobs, blobError, CHECKPOINT_CLIENT_OPTIONS }] = await Promise.all([
    import("../checkpoint/index.ts"),
    import("../checkpoint/azure-blobs.ts"),
  ]);
  const general = await connections.blobs(connection);
  await general
    .getContainerClient(TIDEMARK_CONTAINER)
    .createIfNotExists()
    .catch((thrown: unknown) => {
      // A role on the container alone suffices where the container exists.
      if ((thrown as { statusCode?: unknown }).statusCode === 403) return;
      throw blobError("create", TIDEMARK_CONTAINER, thrown);
    });
  const service = await connections.blobs(connection, CHECKPOINT_CLIENT_OPTIONS);
  return createCheckpointStore({ blobs: azureBlobs(service.getContainerClient(TIDEMARK_CONTAINER)), world, limits });
}
