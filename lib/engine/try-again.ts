import type { Table } from "../stream/table.ts";
import type { StageFailure } from "./stage-failure.ts";
import type { TaskPorts } from "./task.ts";

/** A task that waits says so in its log this often, in milliseconds: whoever looks sees that its owner lives. */
const KEEP_ALIVE_MS = 5_000;

/**
 * Waits until what failed may be tried again, and reads the tables again that are older than they should be; rejects when
 * the signal is aborted, or the app is about to end.
 */
export async function waitToTryAgain(
  failure: StageFailure,
  { world, ending, tables: cache }: Pick<TaskPorts, "world" | "ending" | "tables">,
  tables: readonly Table<unknown>[],
  signal: AbortSignal,
  keepAlive: () => Promise<void>,
): Promise<void> {
  const over = ending === undefined ? signal : AbortSignal.any([signal, ending]);
  for (let left = failure.wait(world); left > 0; left -= KEEP_ALIVE_MS) {
    await world.sleep(Math.min(left, KEEP_ALIVE_MS), over);
    if (left > KEEP_ALIVE_MS) await keepAlive();
  }
  await cache.refresh(tables);
}
