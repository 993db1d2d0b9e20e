import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointStore } from "../../checkpoint/index.ts";
import { type Fence, taskOf } from "../../sinks/cosmos/fence.ts";
import { FLIGHTS_PARTITIONS, PIPELINES } from "../pipelines.ts";
import type { Board } from "./board.ts";

const LOOK_MS = 150;
/** The tasks that write documents, "pipeline/partition": without Cosmos DB, they cannot deliver. */
export const WRITING_TASKS: readonly string[] = PIPELINES.filter(({ name }) => name !== "legs").flatMap(({ name }) =>
  Array.from({ length: FLIGHTS_PARTITIONS }, (_, partition) => `${name}/${partition}`),
);

/** Windows close by the hour: at a slow rate some seconds of events may pass in which none does. Or all is slow. */
const LONGEST_MS = 30_000;

/** The frames of a task that were committed and not delivered: those after `confirmed`, up to `sequence`. */
export interface Debt {
  readonly generation: number;
  readonly confirmed: number;
  readonly sequence: number;
}

/** What is owed, by task: "pipeline/partition". */
export type Debts = ReadonlyMap<string, Debt>;

/**
 * Waits, while Cosmos DB is away, until an instance owes results: it has committed them and cannot deliver them.
 * Resolves to what it owes, after `ms` at the earliest; empty when it owes nothing for long.
 */
export async function untilOwing(
  instance: string,
  { board, logs, ms, signal }: { board: Board; logs: CheckpointStore; ms: number; signal: AbortSignal },
): Promise<Debts> {
  const began = performance.now();
  const tasksInHand = (): string[] => board.inHand(instance).filter((task) => WRITING_TASKS.includes(task));
  let before: Debts = new Map();
  for (;;) {
    const now = await committedAndNotTold(tasksInHand(), board, logs);
    const owing = new Map([...now].filter(([task, { sequence }]) => before.get(task)?.sequence === sequence));
    const passed = performance.now() - began;
    if ((passed > ms && owing.size > 0) || passed > LONGEST_MS) return owing;
    before = now;
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** Whether a document of a frame that is owed was overwritten by a frame that is newer than the whole debt. */
export function makesStale({ generation, confirmed, sequence }: Debt, frame: Fence, by: Fence): boolean {
  const owed = frame.g === generation && frame.s > confirmed && frame.s <= sequence;
  return owed && (by.g > generation || by.s > sequence);
}

/** What each task owes that has committed more than it says it has delivered. */
async function committedAndNotTold(tasks: readonly string[], board: Board, logs: CheckpointStore): Promise<Debts> {
  const found = await Promise.all(
    tasks.map(async (task): Promise<[string, Debt][]> => {
      const status = await logs.peek(taskOf(task)).catch(() => undefined);
      const told = board.positions.get(task) ?? 0;
      return status !== undefined && status.pendingFrames > 0 && status.position > told ? [[task, status]] : [];
    }),
  );
  return new Map(found.flat());
}
