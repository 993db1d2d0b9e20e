import { mulberry32 } from "../virtual-world.ts";

/** Something that will happen at a virtual time; may be cancelled before it does. */
export interface Planned {
  readonly time: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Immediates that are scheduled at once: between two of them the promises settle, without a turn of the event loop. */
const TURNS_AT_ONCE = 64;

/**
 * Virtual time and chance of one simulation. Things happen one after the other, each at its time; before the next one,
 * every promise that can settle has settled. Neither a clock nor the order of real I/O plays a part.
 */
export class Scheduler {
  /** Milliseconds since the epoch, whole. */
  now: number;
  steps = 0;
  readonly random: () => number;
  readonly #heap: Planned[] = [];
  #order = 0;
  #low = 0x811c9dc5;
  #high = 0x1b873593;

  constructor(now: number, seed: number) {
    this.now = now;
    this.random = mulberry32(seed);
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)] as T;
  }

  /** Plans something so many milliseconds from now. */
  after(milliseconds: number, run: () => void): Planned {
    const planned = { time: this.now + Math.max(0, Math.ceil(milliseconds)), order: this.#order++, run };
    push(this.#heap, planned);
    return planned;
  }

  /** Adds to the trace; two runs are the same run when their traces are. */
  trace(label: string, value = 0): void {
    let mixed = this.#low;
    for (let i = 0; i < label.length; i++) mixed = Math.imul(mixed ^ label.charCodeAt(i), 0x01000193);
    mixed = Math.imul(mixed ^ (this.now & 0x7fffffff) ^ Math.imul(value, 0x85ebca6b), 0x01000193);
    this.#low = mixed ^ (mixed >>> 15);
    this.#high = Math.imul(this.#high ^ this.#low, 0xc2b2ae35) ^ (this.#high >>> 13);
  }

  get traceHash(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** Lets things happen until nothing is planned any more, or until `limit` steps; resolves to whether it came to rest. */
  run(limit: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let ended = false;
      const step = (): void => {
        if (ended) return;
        try {
          const planned = this.#next();
          if (planned === undefined || this.steps >= limit) {
            ended = true;
            resolve(planned === undefined);
            return;
          }
          this.steps++;
          this.now = planned.time;
          planned.run?.();
        } catch (thrown) {
          ended = true;
          reject(thrown);
        }
      };
      const turns = (): void => {
        if (ended) return;
        for (let i = 0; i < TURNS_AT_ONCE; i++) setImmediate(step);
        setImmediate(turns);
      };
      turns();
    });
  }

  #next(): Planned | undefined {
    let planned = pop(this.#heap);
    while (planned !== undefined && planned.run === undefined) planned = pop(this.#heap);
    return planned;
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order);
}

function push(heap: Planned[], planned: Planned): void {
  let at = heap.length;
  heap.push(planned);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent] as Planned, planned)) break;
    heap[at] = heap[parent] as Planned;
    at = parent;
  }
  heap[at] = planned;
}

function pop(heap: Planned[]): Planned | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as Planned, heap[child] as Planned)) child++;
    if (before(last, heap[child] as Planned)) break;
    heap[at] = heap[child] as Planned;
    at = child;
  }
  heap[at] = last;
  return first;
}
