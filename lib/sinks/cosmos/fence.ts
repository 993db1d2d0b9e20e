import type { FrameStamp } from "../../engine/frame.ts";
import type { TaskId } from "../../engine/ports.ts";
import { resetCommand } from "../../engine/reset-command.ts";
import { TidemarkError } from "../../errors.ts";

/**
 * What every document carries in its field `_tm`: who wrote it, and from which frame. A write never replaces a newer
 * one, and never a document that another task wrote.
 */
export interface Fence {
  /** "pipeline/partition". */
  readonly task: string;
  /** Generation of the task's log. */
  readonly g: number;
  /** Sequence of the frame. */
  readonly s: number;
  /** Nonce of the frame. */
  readonly n: string;
}

export const FENCE_FIELD = "_tm";

export function taskName({ pipeline, partition }: TaskId): string {
  return `${pipeline}/${partition}`;
}

/** The task of a name. */
export function taskOf(name: string): TaskId {
  const slash = name.lastIndexOf("/");
  return { pipeline: name.slice(0, slash), partition: name.slice(slash + 1) };
}

export function fenceOf(stamp: FrameStamp): Fence {
  return { task: taskName(stamp), g: stamp.generation, s: stamp.sequence, n: stamp.nonce };
}

/** Reads a document's fence; undefined when it has none or something else in its place. */
export function readFence(document: unknown): Fence | undefined {
  const fence = (document as { readonly [FENCE_FIELD]?: Partial<Fence> } | null | undefined)?.[FENCE_FIELD];
  if (typeof fence !== "object" || fence === null) return undefined;
  const { task, g, s, n } = fence;
  if (typeof task !== "string" || typeof g !== "number" || typeof s !== "number" || typeof n !== "string") {
    return undefined;
  }
  return { task, g, s, n };
}

/** What a stored document means for a write: it may be replaced, it is that very write, or it is newer. */
export type Verdict = "replace" | "written" | "superseded";

/**
 * Judges a stored fence against the one about to be written. Throws FOREIGN_DOCUMENT when another task or another
 * program wrote the document, LOG_DAMAGED when the task's own log must have gone back.
 */
export function judge(stored: Fence | undefined, mine: Fence, document: string): Verdict {
  if (stored === undefined) {
    throw new TidemarkError("FOREIGN_DOCUMENT", `${document} was not written by Tidemark and is not overwritten.`, {
      fix: "Write to a container of its own, choose other ids, or delete that document.",
    });
  }
  if (stored.task !== mine.task) throw foreign(stored.task, mine.task, document);
  const age = stored.g - mine.g || stored.s - mine.s;
  if (age < 0) return "replace";
  if (age > 0) return "superseded";
  if (stored.n === mine.n) return "written";
  const { pipeline, partition } = taskOf(mine.task);
  throw new TidemarkError(
    "LOG_DAMAGED",
    `${document} was written by another frame with the same number (generation ${mine.g}, sequence ${mine.s}): ` +
      `the checkpoint log of task ${mine.task} went back, as after a storage failover that lost writes.`,
    { fix: `Reset its log so that it begins a new generation: ${resetCommand(pipeline, partition)}.` },
  );
}

function foreign(theirs: string, mine: string, document: string): TidemarkError {
  const fix =
    taskOf(theirs).pipeline === taskOf(mine).pipeline
      ? "One key must live in one task: publish to the hub with this key as partition key, or put rekey before the stage that groups by it."
      : "Two pipelines write the same documents: give each a container of its own, or ids that differ.";
  return new TidemarkError(
    "FOREIGN_DOCUMENT",
    `${document} was written by task ${theirs}; task ${mine} does not overwrite it.`,
    { fix },
  );
}
