import type { StateContents, StoreChange } from "../engine/frame.ts";
import type { LogPlace } from "./errors.ts";
import { getOrMake } from "./maps.ts";
import { partsOf } from "./part.ts";
import { decodeChanges } from "./state-part.ts";

/** Applies changes to a state, in order; buckets and stores that became empty go. */
export function applyChanges(state: StateContents, changes: readonly StoreChange[]): void {
  for (const { store, bucket, entries } of changes) applyEntries(state, store, bucket, entries);
  for (const { store, bucket, dropped } of changes) if (dropped) dropBucket(state, store, bucket);
}

/** Applies the changes in a frame's body to a state. Throws UNSUPPORTED. */
export function applyBody(state: StateContents, body: Uint8Array, place: LogPlace): void {
  for (const part of partsOf(body, place)) if (part.kind === "state") applyChanges(state, decodeChanges(part));
}

function applyEntries(state: StateContents, store: string, bucket: number, entries: readonly unknown[]): void {
  if (entries.length === 0) return;
  const buckets = getOrMake(state, store, () => new Map<number, Map<string, unknown>>());
  const keys = getOrMake(buckets, bucket, () => new Map<string, unknown>());
  for (let i = 0; i < entries.length; i += 2) {
    const value = entries[i + 1];
    if (value === undefined) keys.delete(entries[i] as string);
    else keys.set(entries[i] as string, value);
  }
  if (keys.size === 0) dropBucket(state, store, bucket);
}

function dropBucket(state: StateContents, store: string, bucket: number): void {
  const buckets = state.get(store);
  if (buckets?.delete(bucket) && buckets.size === 0) state.delete(store);
}
