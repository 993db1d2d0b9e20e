import { Seclusion } from "../../engine/seclusion.ts";

/** The seclusion of a process as one of its tasks has it; takes note of who is trying something alone. */
export class WatchedSeclusion extends Seclusion {
  readonly #shared: Seclusion;
  readonly #task: string;
  readonly #trying: Set<string>;

  /** `trying` holds the tasks of the process that are trying something alone, by name. */
  constructor(shared: Seclusion, task: string, trying: Set<string>) {
    super();
    this.#shared = shared;
    this.#task = task;
    this.#trying = trying;
  }

  override get taken(): Promise<unknown> | undefined {
    return this.#shared.taken;
  }

  override alone<T>(attempt: () => Promise<T>): Promise<T> {
    return this.#shared.alone(async () => {
      this.#trying.add(this.#task);
      try {
        return await attempt();
      } finally {
        this.#trying.delete(this.#task);
      }
    });
  }
}
