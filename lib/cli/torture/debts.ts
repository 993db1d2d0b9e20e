import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointStore } from "../../checkpoint/index.ts";
import { taskOf } from "../../sinks/cosmos/fence.ts";
import { PIPELINES } from "../pipelines.ts";
import type { Board } from "./board.ts";

const LOOK_MS = 150;
/** The pipelines that write documents: without Cosmos DB, they cannot deliver. */
const WRITERS: readonly string[] = PIPELINES.map(({ name }) => name).filter((name) => name !== "legs");

/** Windows close by the hour: at a slow rate some seconds of events may pass in which none does. */
const LONGEST_MS = 15_000;

/**
 * Waits, while Cosmos DB is away, until an instance owes results: it has committed them and cannot deliver them.
 * Resolves to the tasks, "pipeline/partition", that owe some, after `ms` at the earliest; empty when none does for long.
 */
export async function untilOwing(
  instance: string,
  { board, logs, ms, signal }: { board: Board; logs: CheckpointStore; ms: number; signal: AbortSignal },
): Promise<ReadonlySet<string>> {
  const began = performance.now();
  let before = new Map<string, number>();
  for (;;) {
    const now = await committedAndNotTold(board.inHand(instance).filter(writes), board, logs);
    const owing = new Set([...now].flatMap(([task, sequence]) => (before.get(task) === sequence ? [task] : [])));
    const passed = performance.now() - began;
    if ((passed > ms && owing.size > 0) || passed > LONGEST_MS) return owing;
    before = now;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** Whether a task writes documents. */
export function writes(task: string): boolean {
  return WRITERS.some((name) => task.startsWith(`${name}/`));
}

/** The newest frame of each task that has committed more than it says it has delivered. */
async function committedAndNotTold(
  tasks: readonly string[],
  board: Board,
  logs: CheckpointStore,
): Promise<Map<string, number>> {
  const found = await Promise.all(
    tasks.map(async (task): Promise<[string, number][]> => {
      const status = await logs.peek(taskOf(task)).catch(() => undefined);
      const told = board.positions.get(task) ?? 0;
      return status !== undefined && status.pendingFrames > 0 && status.position > told
        ? [[task, status.sequence]]
        : [];
    }),
  );
  return new Map(found.flat());
}
