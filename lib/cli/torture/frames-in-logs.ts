import { realWorld } from "../../azure/world.ts";
import type { BlobPort } from "../../checkpoint/blob-port.ts";
import { DEFAULT_LIMITS } from "../../checkpoint/limits.ts";
import { listTask } from "../../checkpoint/listing.ts";
import { hexOf, LOGS_FOLDER, TaskFolder } from "../../checkpoint/names.ts";
import { readFrames } from "../../checkpoint/read-frames.ts";
import type { TaskId } from "../../engine/ports.ts";
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
  const folder = new TaskFolder(LOGS_FOLDER, id);
  const { segments, generation } = await listTask({
    ...{ task: id, folder, blobs, world: realWorld, limits: DEFAULT_LIMITS },
  });
  const names = new Set<string>();
  let first = Number.POSITIVE_INFINITY;
  for (const segment of segments) {
    for await (const frame of readFrames(blobs, segment.name, 0)) {
      if (frame.kind !== "data") continue;
      const { generation: g, sequence: s } = frame;
      first = Math.min(first, s);
      names.add(frameName({ task: taskName(id), g, s, n: hexOf(frame.nonce) }));
    }
  }
  return { names, mayHaveGone: (g, s) => g < generation || s < first };
}
