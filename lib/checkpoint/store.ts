import type { TaskId } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { beginLog } from "./begin.ts";
import type { CheckpointLog, CheckpointStore, PlanShape, StartPoint } from "./checkpoint-log.ts";
import { type LogContext, type LogsPlace, logContexts } from "./context.ts";
import { findLog } from "./discovery.ts";
import { type Listing, listTask } from "./listing.ts";
import { peekLog } from "./peek.ts";
import { resetLog } from "./reset.ts";
import { assertShapeFits } from "./shape.ts";
import { takeOver } from "./take-over.ts";

export type CheckpointStoreOptions = LogsPlace;

/** A store over blobs, whose logs can be reset. */
export interface BlobCheckpointStore extends CheckpointStore {
  /**
   * Ends a task's log for ever, whatever state it is in: the next opening begins a new generation with empty state.
   * Whoever owns it is fenced. Returns the generation that ended.
   */
  reset(task: TaskId): Promise<number>;
}

/** Checkpoint logs on append blobs. */
export function createCheckpointStore(options: CheckpointStoreOptions): BlobCheckpointStore {
  const contextOf = logContexts(options);
  return {
    open: (task, shape, start) => openLog(contextOf(task), shape, start),
    peek: (task) => peekLog(contextOf(task)),
    reset: (task) => resetLog(contextOf(task)),
  };
}

async function openLog(
  context: LogContext,
  shape: PlanShape,
  start: () => Promise<StartPoint>,
): Promise<CheckpointLog> {
  const { world, limits, task } = context;
  let asked: Promise<StartPoint> | undefined;
  const startOnce = (): Promise<StartPoint> => {
    asked ??= start();
    return asked;
  };
  for (let attempt = 1; attempt <= limits.openings; attempt++) {
    const listing = await listTask(context);
    const log = await unlessMoved(context, listing, () => openListed(context, listing, shape, startOnce));
    if (log) return log;
    if (attempt > 1) await world.sleep(limits.backoff * world.random());
  }
  throw new TidemarkError(
    "UNAVAILABLE",
    `Others kept writing to the checkpoint log: ${limits.openings} openings failed.`,
    {
      ...task,
      retryable: true,
    },
  );
}

async function openListed(
  context: LogContext,
  listing: Listing,
  shape: PlanShape,
  start: () => Promise<StartPoint>,
): Promise<CheckpointLog | undefined> {
  const found = await findLog(context, listing);
  if (found === undefined) {
    await beginLog(context, listing.generation + 1, shape, await start());
    return undefined;
  }
  const head = found.chain.at(-1);
  if (head) assertShapeFits(head.header.shape, shape, context.task.partition);
  return takeOver(context, found);
}

/** Undefined instead of LOG_MISSING when the folder changed meanwhile: a live owner tidies up what is read here. */
export async function unlessMoved<T>(
  context: LogContext,
  listing: Listing,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const gone = error instanceof TidemarkError && error.code === "LOG_MISSING";
    if (!gone || (await listTask(context)).print === listing.print) throw error;
    return undefined;
  }
}
