import type { Fence } from "./fence.ts";

/** A version of a document that this task wrote itself. */
export interface Version {
  readonly etag: string;
  readonly fence: Fence;
}

/**
 * Versions that a task wrote lately, by document: an update of one of them is a single conditional replace, without a
 * refused create and a read before it. Only a shortcut: a stale entry is found out by the condition.
 */
export class Versions {
  readonly #limit: number;
  readonly #byName = new Map<string, Version>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(name: string): Version | undefined {
    return this.#byName.get(name);
  }

  set(name: string, version: Version): void {
    this.#byName.delete(name);
    this.#byName.set(name, version);
    if (this.#byName.size <= this.#limit) return;
    const oldest = this.#byName.keys().next();
    if (!oldest.done) this.#byName.delete(oldest.value);
  }

  delete(name: string): void {
    this.#byName.delete(name);
  }
}
