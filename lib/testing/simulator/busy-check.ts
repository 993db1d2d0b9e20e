import type { BlobCall } from "../memory-blobs.ts";
import type { Life } from "./life.ts";
import type { Watch } from "./watch.ts";

interface Step {
  readonly at: number;
  readonly by: Life;
}

/** Appends and looks are remembered for a while only. */
const REMEMBERED = 64;

/**
 * Whoever looks after a task that it does not hold may open its log only when that did not move for as long as a busy
 * owner needs at most: between two looks of its own.
 */
export class BusyCheck {
  readonly #watch: Watch;
  readonly #patience: number;
  readonly #appends = new Map<string, Step[]>();
  readonly #looks = new Map<string, Step[]>();
  readonly #begun = new Set<string>();

  constructor(watch: Watch, patience: number) {
    this.#watch = watch;
    this.#patience = patience;
  }

  /** An append to some blob landed. */
  appended({ blob }: BlobCall, by: Life, at: number): void {
    const [, pipeline, partition, kind] = blob.split("/");
    if (kind !== "log") return;
    // What begins a segment is written beside the log: nobody sees it there before the log refers to it.
    if (!this.#begun.has(blob)) {
      this.#begun.add(blob);
      return;
    }
    remember(this.#appends, `${pipeline}/${partition}`, { at, by });
  }

  /** A process begins to look at a task's log. */
  looked(task: string, by: Life, at: number): void {
    remember(this.#looks, task, { at, by });
  }

  /** A process that only looks after a task opens its log. */
  opened(task: string, by: Life): void {
    const appends = this.#appends.get(task) ?? [];
    // Whoever has written since has fenced the others: it takes up again what it had.
    const foreign = appends.slice(appends.findLastIndex((append) => append.by === by) + 1);
    const looks = (this.#looks.get(task) ?? []).filter((look) => look.by === by);
    // A process that was paused since it looked held the task then, for all it knows.
    if (by.wakesAt > (looks.at(-1)?.at ?? 0)) return;
    const quiet = looks.some((look) => !foreign.some(({ at }) => at > look.at - this.#patience && at <= look.at));
    if (!quiet) this.#watch.violate(`${task} was taken from an owner that had just committed`);
  }
}

function remember(lists: Map<string, Step[]>, key: string, item: Step): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else {
    list.push(item);
    if (list.length > REMEMBERED) list.shift();
  }
}
