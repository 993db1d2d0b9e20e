/** How long a task stood still while it had work and nothing was wrong. */
export interface Stall {
  readonly task: string;
  readonly ms: number;
}

/** What is known of a task at one moment. */
export interface TaskMoment {
  readonly task: string;
  readonly position: number;
  /** Whether its hub holds more than it has delivered. */
  readonly behind: boolean;
  /** Whether no fault is in force that would explain why it stands still. */
  readonly calm: boolean;
}

/** From here on a stall is worth telling. */
export const STALL_MS = 10_000;

/** Measures how long tasks that have work stand still. */
export class StallWatch {
  /** The longest time without progress in which nothing was wrong from beginning to end. */
  longest: Stall | undefined;
  /** The longest time without progress, whatever was wrong. */
  longestUnderFire: Stall | undefined;
  /** How many stalls without a fault were longer than ten seconds. */
  long = 0;
  readonly #tasks = new Map<string, Still>();

  /** Takes note of a moment; `now` in milliseconds. Answers the stalls that have just become long. */
  see(now: number, tasks: readonly TaskMoment[]): Stall[] {
    return tasks.flatMap((moment) => this.#seeTask(now, moment));
  }

  #seeTask(now: number, { task, position, behind, calm }: TaskMoment): Stall[] {
    const known = this.#tasks.get(task);
    if (known === undefined || position !== known.position || !behind) {
      this.#tasks.set(task, { position, since: now, calmSince: now, told: false });
      return [];
    }
    if (!calm) known.calmSince = now;
    this.longest = longer(this.longest, { task, ms: now - known.calmSince });
    this.longestUnderFire = longer(this.longestUnderFire, { task, ms: now - known.since });
    const stall = { task, ms: now - known.calmSince };
    if (stall.ms <= STALL_MS || known.told) return [];
    known.told = true;
    this.long++;
    return [stall];
  }
}

interface Still {
  readonly position: number;
  readonly since: number;
  calmSince: number;
  told: boolean;
}

function longer(a: Stall | undefined, b: Stall): Stall {
  return a !== undefined && a.ms >= b.ms ? a : b;
}
