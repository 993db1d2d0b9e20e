import type { StoreChange } from "../engine/frame.ts";
import { getOrMake } from "./maps.ts";

/** Changes folded together: what they leave of older contents, and what they put in its place. */
export class Delta {
  readonly #buckets = new Map<string, Map<number, BucketDelta>>();

  apply(changes: readonly StoreChange[]): void {
    for (const { store, bucket, entries } of changes) {
      if (entries.length === 0) continue;
      const keys = this.#bucket(store, bucket).keys;
      for (let i = 0; i < entries.length; i += 2) keys.set(entries[i] as string, entries[i + 1]);
    }
    for (const { store, bucket, dropped } of changes) {
      if (!dropped) continue;
      const delta = this.#bucket(store, bucket);
      delta.dropped = true;
      delta.keys.clear();
    }
  }

  /** The entries of an older change that these changes leave as they were. */
  untouched({ store, bucket, entries }: StoreChange): unknown[] {
    const delta = this.#buckets.get(store)?.get(bucket);
    if (delta === undefined) return entries as unknown[];
    const left: unknown[] = [];
    if (delta.dropped) return left;
    for (let i = 0; i < entries.length; i += 2) {
      if (!delta.keys.has(entries[i] as string)) left.push(entries[i], entries[i + 1]);
    }
    return left;
  }

  /** Yields what these changes put in, in slices of at most so many keys of one bucket. */
  *added(sliceItems: number): Generator<{ store: string; bucket: number; entries: unknown[] }> {
    for (const [store, buckets] of this.#buckets) {
      for (const [bucket, { keys }] of buckets) {
        let entries: unknown[] = [];
        for (const [key, value] of keys) {
          if (value === undefined) continue;
          entries.push(key, value);
          if (entries.length < sliceItems * 2) continue;
          yield { store, bucket, entries };
          entries = [];
        }
        if (entries.length > 0) yield { store, bucket, entries };
      }
    }
  }

  #bucket(store: string, bucket: number): BucketDelta {
    const buckets = getOrMake(this.#buckets, store, () => new Map<number, BucketDelta>());
    return getOrMake(buckets, bucket, () => ({ dropped: false, keys: new Map() }));
  }
}

interface BucketDelta {
  /** Nothing of what was there before is left. */
  dropped: boolean;
  /** New values; undefined: the key is deleted. */
  readonly keys: Map<string, unknown>;
}
