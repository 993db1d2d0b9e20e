import type { TaskId } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";

/** LOG_DAMAGED, naming the blob and the byte where the damage begins. */
export function damaged(what: string, blob: string, offset: number): TidemarkError {
  return new TidemarkError(
    "LOG_DAMAGED",
    `The checkpoint log is damaged: ${what}, in blob "${blob}" at byte ${offset}.`,
    {
      fix: "Restore the blob from a backup, or reset the task's log and replay from the hub.",
    },
  );
}

/** LOG_MISSING: a blob that must exist does not. */
export function missing(blob: string, why: string): TidemarkError {
  return new TidemarkError("LOG_MISSING", `Blob "${blob}" of the checkpoint log is missing: ${why}.`, {
    fix: "Restore the deleted blobs (soft delete, backup), or reset the task's log and replay from the hub.",
  });
}

/** FENCED: this owner may not write any more. */
export function fenced(task: TaskId, why: string): TidemarkError {
  return new TidemarkError("FENCED", `The checkpoint log does not take this owner's writes any more: ${why}.`, {
    ...task,
    fix: "Drop the task's memory and open the log again.",
  });
}

/** LIMIT_EXCEEDED, naming the limit. */
export function tooLarge(task: TaskId, limit: string, allowed: number, found: number): TidemarkError {
  return new TidemarkError(
    "LIMIT_EXCEEDED",
    `The checkpoint log's limit "${limit}" is ${allowed}, this takes ${found}.`,
    {
      ...task,
      fix: `Commit smaller frames, confirm deliveries sooner, or raise the limit "${limit}".`,
    },
  );
}
