import { END_OF_TIME, NO_WATERMARK, type StoreChange } from "./frame.ts";
import type { ProducerHeader } from "./headers.ts";

/** A watermark lowered by a stage's hold, in milliseconds; "none yet" and "the end" stay what they are. */
export function held(watermark: number, hold: number): number {
  return watermark === NO_WATERMARK || watermark === END_OF_TIME ? watermark : watermark - hold;
}

/** The watermark of an ordinary source: the greatest event time less a bound, or what a marker says. */
export class OutOfOrderWatermark {
  readonly #bound: number;
  current: number;

  constructor(bound: number, restored: number) {
    this.#bound = bound;
    this.current = restored;
  }

  /** Takes note of an event; gives how far event time has come by that event alone. */
  observe(eventTime: number): number {
    const candidate = eventTime - this.#bound;
    if (candidate > this.current) this.current = candidate;
    return candidate;
  }

  /** A marker says that no earlier event time follows. */
  raise(watermark: number): void {
    if (watermark > this.current) this.current = watermark;
  }
}

/** What a producer's message is to its reader. */
export type Verdict = "new" | "duplicate" | "gap";

interface ProducerState {
  generation: number;
  sequence: number;
  watermark: number;
  /** How many tasks its pipeline has. */
  tasks: number;
}

export const PRODUCERS_STORE = "$producers";

/**
 * What this task has heard from the tasks that write its hub: drops what they sent twice, and knows the minimum of
 * their watermarks once all of them have spoken.
 */
export class Producers {
  readonly #states = new Map<string, ProducerState>();
  readonly #changed = new Set<string>();
  /** How many producers must have spoken: all tasks of every pipeline of which one was heard. */
  #expected = 0;
  #minimum: number = NO_WATERMARK;

  constructor(restored: ReadonlyMap<string, unknown> | undefined) {
    for (const [producer, value] of restored ?? []) {
      const [generation, sequence, watermark, tasks] = value as [number, number, number, number];
      this.#states.set(producer, { generation, sequence, watermark, tasks });
    }
    this.#expect();
    this.#measure();
  }

  /** The minimum over all producers; NO_WATERMARK until every one of them has been heard. */
  get current(): number {
    return this.#minimum;
  }

  /** What a message is to this reader. */
  judge({ producer, generation, sequence }: ProducerHeader): Verdict {
    const known = this.#states.get(producer);
    if (known === undefined) return "new";
    const newer = generation > known.generation;
    if (!newer && (generation < known.generation || sequence <= known.sequence)) return "duplicate";
    const gap = newer ? sequence > 1 : sequence > known.sequence + 1;
    return gap ? "gap" : "new";
  }

  /** Takes note of a message that is no duplicate and is done with. */
  note(header: ProducerHeader): void {
    const { producer, generation, sequence, producers: tasks } = header;
    const known = this.#states.get(producer);
    const state = known ?? { generation, sequence, watermark: NO_WATERMARK, tasks: 0 };
    state.generation = generation;
    state.sequence = sequence;
    if (known === undefined) this.#states.set(producer, state);
    if (state.tasks !== tasks) {
      state.tasks = tasks;
      this.#expect();
    }
    this.#changed.add(producer);
    // Only control messages move the watermark: an event's own header may run ahead of what its producer can promise.
    if (!header.control || header.watermark <= state.watermark) return;
    state.watermark = header.watermark;
    this.#measure();
  }

  /** The entries of the store for the coming frame: key, value, key, value … */
  changes(): readonly StoreChange[] {
    if (this.#changed.size === 0) return [];
    const entries: unknown[] = [];
    for (const producer of this.#changed) {
      const { generation, sequence, watermark, tasks } = this.#states.get(producer) as ProducerState;
      entries.push(producer, [generation, sequence, watermark, tasks]);
    }
    this.#changed.clear();
    return [{ store: PRODUCERS_STORE, bucket: 0, entries }];
  }

  #expect(): void {
    const tasks = new Map<string, number>();
    for (const [producer, state] of this.#states) {
      const pipeline = producer.slice(0, producer.lastIndexOf("/"));
      tasks.set(pipeline, Math.max(tasks.get(pipeline) ?? 0, state.tasks));
    }
    this.#expected = [...tasks.values()].reduce((sum, count) => sum + count, 0);
  }

  #measure(): void {
    if (this.#states.size < this.#expected || this.#states.size === 0) return;
    let minimum = END_OF_TIME;
    for (const { watermark } of this.#states.values()) minimum = Math.min(minimum, watermark);
    this.#minimum = Math.max(this.#minimum, minimum);
  }
}
