import type { TaskId, World } from "../engine/ports.ts";
import type { BlobPort } from "./blob-port.ts";
import type { CheckpointLimits } from "./limits.ts";
import type { TaskFolder } from "./names.ts";

/** What every part of one task's log works with. */
export interface LogContext {
  readonly task: TaskId;
  readonly folder: TaskFolder;
  /** Tries again by itself; see `reliable`. */
  readonly blobs: BlobPort;
  readonly world: World;
  readonly limits: CheckpointLimits;
}
