import type { CheckpointStore } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import type { TaskId, World } from "./ports.ts";

/** How long a fenced owner waits before it looks again: this much, plus up to as much by chance. */
const PATIENCE_MS = 2_000;

/** Whether another owner took the log over. */
export function isFenced(thrown: unknown): boolean {
  return thrown instanceof TidemarkError && thrown.code === "FENCED";
}

/**
 * Waits beside the owner that took over, so that two live owners do not fence each other batch after batch. Resolves to
 * true when the log has come to `position`: nothing is left to do; to false when the other owner has stopped moving.
 */
export async function waitForOwner(
  ports: { readonly world: World; readonly checkpoints: CheckpointStore },
  id: TaskId,
  position: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { world, checkpoints } = ports;
  let seen = await checkpoints.peek(id);
  for (;;) {
    if (seen !== undefined && seen.position >= position) return true;
    await world.sleep(PATIENCE_MS * (1 + world.random()), signal);
    const status = await checkpoints.peek(id);
    const moved = status?.sequence !== seen?.sequence || status?.generation !== seen?.generation;
    if (!moved) return false;
    seen = status;
  }
}
