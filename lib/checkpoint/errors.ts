import type { TaskId } from "../engine/ports.ts";
import { resetCommand } from "../engine/reset-command.ts";
import { TidemarkError } from "../errors.ts";
import { taskOfBlob } from "./names.ts";

/** LOG_DAMAGED, naming the blob and the byte where the damage begins. */
export function damaged(what: string, blob: string, offset: number): TidemarkError {
  return new TidemarkError(
    "LOG_DAMAGED",
    `The checkpoint log is damaged: ${what}, in blob "${blob}" at byte ${offset}.`,
    {
      ...taskOfBlob(blob),
      fix: `Restore the blob from a backup, or reset the task's log (${resetOf(blob)}) and replay from the hub.`,
    },
  );
}

function resetOf(blob: string): string {
  const { pipeline, partition } = taskOfBlob(blob) ?? {};
  return resetCommand(pipeline, partition);
}

/** Where in a task's log something stands. */
export interface LogPlace {
  readonly task: TaskId;
  readonly blob: string;
  /** The byte at which its frame begins. */
  readonly offset: number;
}

/** The place of a frame. */
export function placeOf(task: TaskId, { blob, offset }: { blob: string; offset: number }): LogPlace {
  return { task, blob, offset };
}

/** UNSUPPORTED: what stands there was written by a version that is newer than this one. */
export function unknownForm(what: string, { task, blob, offset }: LogPlace): TidemarkError {
  return new TidemarkError(
    "UNSUPPORTED",
    `This version of Tidemark does not know what the checkpoint log holds: ${what}, in blob "${blob}" in the frame at byte ${offset}.`,
    {
      ...task,
      fix: "Deploy the version again that wrote it, or a newer one; the log is whole, and a reset would give up its state.",
    },
  );
}

/** LOG_MISSING: a blob that must exist does not. */
export function missing(blob: string, why: string): TidemarkError {
  return new TidemarkError("LOG_MISSING", `Blob "${blob}" of the checkpoint log is missing: ${why}.`, {
    ...taskOfBlob(blob),
    fix: `Restore the deleted blobs (soft delete, backup), or reset the task's log (${resetOf(blob)}) and replay from the hub.`,
  });
}

/** FENCED: this owner may not write any more. */
export function fenced(task: TaskId, why: string): TidemarkError {
  return new TidemarkError("FENCED", `The checkpoint log does not take this owner's writes any more: ${why}.`, {
    ...task,
    fix: "Drop the task's memory and open the log again.",
  });
}

/** What can be done about a limit; the first two are options of `handle`. */
const FIXES = {
  frameBytes:
    "Take smaller batches (maxEventBatchSize in host.json), or raise it: handle(…, { limits: { frameBytes } }).",
  pendingFrames:
    "See why the sinks do not deliver, or let more wait for them: handle(…, { limits: { pendingFrames } }).",
  statusBytes: "Give the pipeline fewer stages, or stages shorter names.",
} as const;

/** LIMIT_EXCEEDED, naming the limit. */
export function tooLarge(task: TaskId, limit: keyof typeof FIXES, allowed: number, found: number): TidemarkError {
  return new TidemarkError(
    "LIMIT_EXCEEDED",
    `The checkpoint log's limit "${limit}" is ${allowed}, this takes ${found}.`,
    {
      ...task,
      fix: FIXES[limit],
    },
  );
}
