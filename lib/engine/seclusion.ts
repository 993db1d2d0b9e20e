/**
 * All tasks of a process die together. So that an event's death can be told from its neighbours', a process that tries a
 * suspect event alone runs no other event meanwhile.
 */
export class Seclusion {
  #taken: Promise<unknown> | undefined;

  /** When the event that is being tried will have come to its end; undefined, as a rule: none is. */
  get taken(): Promise<unknown> | undefined {
    return this.#taken;
  }

  /** Tries something while no other task of the process runs an event. */
  async alone<T>(attempt: () => Promise<T>): Promise<T> {
    while (this.#taken !== undefined) await this.#taken;
    const trying = attempt();
    const over = trying.then(
      () => undefined,
      () => undefined,
    );
    this.#taken = over;
    try {
      return await trying;
    } finally {
      this.#taken = undefined;
    }
  }
}
