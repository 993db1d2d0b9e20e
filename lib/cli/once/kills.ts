/** When to kill the worker, so that the kills are spread evenly over a run. */
export class Kills {
  readonly #wanted: number;
  readonly #total: number;
  readonly #kill: () => boolean;
  #done = 0;

  /** `total` is how much progress the whole run makes; `kill` says whether there was something to kill. */
  constructor(wanted: number, total: number, kill: () => boolean) {
    this.#wanted = wanted;
    this.#total = total;
    this.#kill = kill;
  }

  get done(): number {
    return this.#done;
  }

  /** Kills when progress has come to the next of the even steps. */
  progressed(progress: number): void {
    if (this.#done >= this.#wanted) return;
    const next = ((this.#done + 1) * this.#total) / (this.#wanted + 1);
    if (progress >= next && this.#kill()) this.#done++;
  }
}
