import { isFenced } from "../engine/contention.ts";
import type { World } from "../engine/ports.ts";
import type { Look, Task } from "../engine/task.ts";

/** What became of a task that was looked after: "quiet" had nothing to do, "busy" has an owner that works. */
export type Outcome = "quiet" | "busy" | "woken";

export interface Attended {
  readonly outcome: Outcome;
  /** What was seen last before anything was done. */
  readonly look: Look;
}

export interface AttendOptions {
  readonly world: World;
  /** Milliseconds between two looks at a log: a busy owner commits in that time. */
  readonly patience: number;
  /** A look that saw nothing to do, to spare the log when nothing has changed since. */
  readonly previous?: Look | undefined;
}

/**
 * Looks after a task and wakes it if it must be: cheaply, since a look takes nothing over, and never against a busy
 * owner, wherever that lives. Woken twice is woken once; a look that came too early has done no harm.
 */
export async function attend(task: Task, options: AttendOptions, signal: AbortSignal): Promise<Attended> {
  const { world, patience, previous } = options;
  const first = await task.look(previous);
  if (first.need === "nothing") return { outcome: "quiet", look: first };
  if (task.busy) return { outcome: "busy", look: first };
  // No event waits, and the task is ours: nobody can be disturbed.
  const ours = first.need === "rest" && (await task.holds());
  if (!ours) {
    await world.sleep(patience * (1 + world.random() / 4), signal);
    const second = await task.look();
    if (second.need === "nothing") return { outcome: "quiet", look: second };
    if (task.busy || second.frame !== first.frame) return { outcome: "busy", look: second };
  }
  try {
    await task.wake(signal);
  } catch (thrown) {
    // Somebody else was quicker.
    if (isFenced(thrown)) return { outcome: "busy", look: first };
    throw thrown;
  }
  return { outcome: "woken", look: first };
}
