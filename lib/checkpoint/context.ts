import type { TaskId, World } from "../engine/ports.ts";
import type { BlobPort } from "./blob-port.ts";
import { type CheckpointLimits, DEFAULT_LIMITS } from "./limits.ts";
import { LOGS_FOLDER, TaskFolder } from "./names.ts";
import { reliable } from "./reliable.ts";

/** What every part of one task's log works with. */
export interface LogContext {
  readonly task: TaskId;
  readonly folder: TaskFolder;
  /** Tries again by itself; see `reliable`. */
  readonly blobs: BlobPort;
  readonly world: World;
  readonly limits: CheckpointLimits;
}

/** Where logs are, and what bounds them. */
export interface LogsPlace {
  readonly blobs: BlobPort;
  readonly world: World;
  /** The folder of all logs; default "checkpoints". */
  readonly prefix?: string | undefined;
  readonly limits?: Partial<CheckpointLimits> | undefined;
}

/** Makes the contexts of the tasks that have their logs in one place. */
export function logContexts({ prefix = LOGS_FOLDER, ...place }: LogsPlace): (task: TaskId) => LogContext {
  const { world } = place;
  const limits = { ...DEFAULT_LIMITS, ...place.limits };
  const blobs = reliable(place.blobs, world, limits);
  return (task) => {
    const { pipeline, partition } = task;
    return { task: { pipeline, partition }, folder: new TaskFolder(prefix, task), blobs, world, limits };
  };
}
