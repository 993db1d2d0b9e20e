const KEPT = 10;

/** Differences between what is and what should be: all are counted, the first few kept in words. */
export class Differences {
  readonly first: string[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(words: string): void {
    this.#count++;
    if (this.first.length < KEPT) this.first.push(words);
  }

  /** Notes a difference unless both numbers are equal. */
  equal(what: string, actual: number, expected: number): void {
    if (actual !== expected) this.add(`${what}: ${actual}, and it should be ${expected}`);
  }
}
