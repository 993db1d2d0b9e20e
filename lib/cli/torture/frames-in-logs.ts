import { realWorld } from "../../azure/world.ts";
import type { BlobPort } from "../../checkpoint/blob-port.ts";
import type { RawFrame } from "../../checkpoint/frame-format.ts";
import { DEFAULT_LIMITS } from "../../checkpoint/limits.ts";
import { listTask } from "../../checkpoint/listing.ts";
import { hexOf, LOGS_FOLDER, TaskFolder } from "../../checkpoint/names.ts";
import { readFrames } from "../../checkpoint/read-frames.ts";
import type { TaskId } from "../../engine/ports.ts";
import { TidemarkError } from "../../errors.ts";
import { taskName } from "../../sinks/cosmos/fence.ts";
import { frameName } from "../services/fence-watch.ts";

/** The frames that a task's log still holds. */
export interface FramesInLog {
  /** Their names; see `frameName`. */
  readonly names: ReadonlySet<string>;
  /** Whether a frame of this number may have been there and been tidied up, since a snapshot covers it. */
  mayHaveGone(generation: number, sequence: number): boolean;
}

/** Reads the numbers of all frames in a task's log. */
export async function framesInLog(blobs: BlobPort, id: TaskId): Promise<FramesInLog> {
  const { generation } = await list(blobs, id);
  const names = new Set<string>();
  let first = Number.POSITIVE_INFINITY;
  for await (const { generation: g, sequence: s, nonce } of dataFrames(blobs, id)) {
    first = Math.min(first, s);
    names.add(frameName({ task: taskName(id), g, s, n: hexOf(nonce) }));
  }
  return { names, mayHaveGone: (g, s) => g < generation || s < first };
}

/** The frames of a task's newest generation that its log still holds. */
export async function* dataFrames(blobs: BlobPort, id: TaskId): AsyncGenerator<RawFrame> {
  const { segments } = await list(blobs, id);
  // The newest comes first.
  for (const segment of segments.toReversed()) {
    try {
      for await (const frame of readFrames(blobs, segment.name, 0)) if (frame.kind === "data") yield frame;
    } catch (error) {
      // A snapshot has come to cover it since it was listed.
      if (!(error instanceof TidemarkError && error.code === "LOG_MISSING")) throw error;
    }
  }
}

function list(blobs: BlobPort, task: TaskId) {
  const folder = new TaskFolder(LOGS_FOLDER, task);
  return listTask({ task, folder, blobs, world: realWorld, limits: DEFAULT_LIMITS });
}
