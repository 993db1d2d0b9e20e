import type { CheckpointStore } from "../../../checkpoint/index.ts";
import { type Check, type Context, type Finding, good, problem } from "../check.ts";
import { hostOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

/** Are there checkpoint logs that no function goes on with, as after a renaming? */
export const logsCheck: Check = {
  name: "logs",
  run: async (context) => {
    const containers = context.manifest.blobContainers.filter(({ purpose }) => purpose === "checkpoints");
    return (await Promise.all(containers.map((one) => checkLogs(context, one)))).flat();
  },
};

async function checkLogs(
  { connections, settings, manifest }: Context,
  { connection, name }: Context["manifest"]["blobContainers"][number],
): Promise<Finding[]> {
  if (!connections) return [];
  try {
    const [{ createCheckpointStore }, { azureBlobs }, { realWorld }] = await Promise.all([
      import("../../../checkpoint/index.ts"),
      import("../../../checkpoint/azure-blobs.ts"),
      import("../../../azure/world.ts"),
    ]);
    const container = (await connections.blobs(connection)).getContainerClient(name);
    if (!(await container.exists())) return [];
    const folders = async (prefix: string): Promise<string[]> => {
      const names: string[] = [];
      for await (const item of container.listBlobsByHierarchy("/", { prefix })) {
        if (item.kind === "prefix") names.push(decodeURIComponent(item.name.slice(prefix.length, -1)));
      }
      return names;
    };
    const store = createCheckpointStore({ blobs: azureBlobs(container), world: realWorld });
    const own = new Set(manifest.functions.map((fn) => fn.name));
    const strangers = (await folders(ROOT)).filter((pipeline) => !own.has(pipeline));
    const findings = strangers.map(async (pipeline) =>
      judge(pipeline, await waiting(store, pipeline, await folders(`${ROOT}${encodeURIComponent(pipeline)}/`))),
    );
    return [good(`Checkpoint logs are in ${name}.`), ...(await Promise.all(findings))];
  } catch (thrown) {
    const host = hostOf(settings, connection, "Blob Storage");
    return [explain(thrown, `Container ${name}`, host, "the role Storage Blob Data Reader on the container")];
  }
}

const ROOT = "checkpoints/";

/** How many frames of a pipeline are committed and not delivered. */
async function waiting(store: CheckpointStore, pipeline: string, partitions: readonly string[]): Promise<number> {
  const logs = await Promise.all(partitions.map((partition) => store.peek({ pipeline, partition })));
  return logs.reduce((sum, log) => sum + (log?.pendingFrames ?? 0), 0);
}

function judge(pipeline: string, frames: number): Finding {
  const what = `There are checkpoint logs of a pipeline "${pipeline}", which no function of this app runs`;
  if (frames === 0) return good(`${what}; all that they hold was delivered.`);
  return problem(
    `${what}; ${frames === 1 ? "a frame" : `${frames} frames`} may not have been delivered.`,
    `If it was renamed: give it the name "${pipeline}" again, or deploy the old code until it has delivered. A pipeline with another name begins anew.`,
  );
}
