import { TidemarkError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import type { Request } from "./arguments.ts";
import type { LogBlob } from "./survey.ts";

type Tasks = ReadonlyMap<string, readonly LogBlob[]>;

/** The tasks that are asked for; throws NOT_FOUND, naming what there is, when there are none. */
export function select(tasks: Tasks, { pipeline, partition }: Pick<Request, "pipeline" | "partition">): Tasks {
  if (pipeline === undefined) return tasks;
  const folder = `${encodeURIComponent(pipeline)}/`;
  const own = new Map([...tasks].filter(([task]) => task.startsWith(folder)));
  if (own.size === 0) throw unknownPipeline(pipeline, tasks);
  if (partition === undefined) return own;
  const blobs = own.get(folder + partition);
  if (blobs !== undefined) return new Map([[folder + partition, blobs]]);
  const others = [...own.keys()].map((task) => task.slice(folder.length));
  throw new TidemarkError("NOT_FOUND", `Pipeline "${pipeline}" has no checkpoint log for partition ${partition}.`, {
    fix: `There ${others.length === 1 ? "is one" : "are some"} for ${others.join(", ")}.`,
  });
}

function unknownPipeline(pipeline: string, tasks: Tasks): TidemarkError {
  const others = [...new Set([...tasks.keys()].map((task) => decodeURIComponent(task.split("/")[0] as string)))];
  const guess = nearest(pipeline, others);
  const known = `There ${others.length === 1 ? "is one" : "are some"} of ${others.map((one) => `"${one}"`).join(", ")}.`;
  const fix = others.length === 0 ? "There are none at all in this storage account: see --connection." : known;
  return new TidemarkError("NOT_FOUND", `There are no checkpoint logs of a pipeline "${pipeline}".`, {
    fix: guess === undefined || guess === pipeline ? fix : `${fix} Did you mean "${guess}"?`,
  });
}
