import type { World } from "../engine/ports.ts";

/** A timer set further ahead than this would go off at once. */
const LONGEST_SLEEP_MS = 86_400_000;

/** Does one thing at a time by the clock; setting another time forgets the first. */
export class Alarm {
  readonly #world: World;
  readonly #action: () => void;
  #cancel: AbortController | undefined;

  constructor(world: World, action: () => void) {
    this.#world = world;
    this.#action = action;
  }

  /** Milliseconds since the epoch; a time that is over is now. */
  set(time: number): void {
    this.cancel();
    this.#cancel = new AbortController();
    const { signal } = this.#cancel;
    void this.#sleepUntil(time, signal).then(
      () => {
        if (!signal.aborted) this.#action();
      },
      () => undefined,
    );
  }

  cancel(): void {
    // A reason of our own spares making an error, and most often nothing was set.
    this.#cancel?.abort("cancelled");
    this.#cancel = undefined;
  }

  async #sleepUntil(time: number, signal: AbortSignal): Promise<void> {
    for (let left = time - this.#world.now(); left > 0; left = time - this.#world.now()) {
      await this.#world.sleep(Math.min(left, LONGEST_SLEEP_MS), signal);
    }
  }
}
