import { type LogView, Survey } from "../../checkpoints/survey.ts";
import { type Check, type Context, type Finding, good, problem } from "../check.ts";
import { hostOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

/** Can every checkpoint log be read, and are there some that no function goes on with, as after a renaming? */
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
    const container = (await connections.blobs(connection)).getContainerClient(name);
    if (!(await container.exists())) return [];
    const survey = new Survey(container);
    const views = await survey.look(await survey.tasks());
    const own = new Set(manifest.functions.map((fn) => fn.name));
    const strangers = Map.groupBy(
      views.filter(({ pipeline }) => !own.has(pipeline)),
      ({ pipeline }) => pipeline,
    );
    return [
      good(`Checkpoint logs are in ${name}.`),
      ...views.filter(({ state }) => state === "unreadable").map(unreadable),
      ...[...strangers].map(([pipeline, logs]) => stranger(pipeline, logs)),
    ];
  } catch (thrown) {
    const host = hostOf(settings, connection, "Blob Storage");
    return [explain(thrown, `Container ${name}`, host, "the role Storage Blob Data Reader on the container")];
  }
}

function unreadable({ pipeline, partition, trouble }: LogView): Finding {
  return problem(
    `The checkpoint log of ${pipeline}/${partition} cannot be read: ${trouble}`,
    `\`npx tidemark checkpoints show ${pipeline} ${partition}\` lists its blobs.`,
  );
}

function stranger(pipeline: string, logs: readonly LogView[]): Finding {
  const what = `There are checkpoint logs of a pipeline "${pipeline}", which no function of this app runs`;
  const frames = logs.reduce((sum, { status }) => sum + (status?.pendingFrames ?? 0), 0);
  const all = logs.every(({ state }) => state !== "unreadable") ? "all that they hold" : "what can be read of them";
  if (frames === 0) return good(`${what}; ${all} was delivered.`);
  return problem(
    `${what}; ${frames === 1 ? "a frame" : `${frames} frames`} may not have been delivered.`,
    `If it was renamed: give it the name "${pipeline}" again, or deploy the old code until it has delivered. A pipeline with another name begins anew.`,
  );
}
