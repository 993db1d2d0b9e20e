import type { World } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import type { BlobPort } from "./blob-port.ts";
import { APPEND_BYTES, type CheckpointLimits } from "./limits.ts";

/**
 * A port that sends a call again when nobody knows whether it happened. Each call can stand that: reads and removals
 * by nature, creations because names are unique, appends because they name their position and carry identical bytes.
 * What cannot be told afterwards is whose success it was: see `appendOwn`.
 */
export function reliable(blobs: BlobPort, world: World, limits: CheckpointLimits): BlobPort {
  const again = <T>(call: () => Promise<T>): Promise<T> => retry(call, world, limits);
  return {
    list: (prefix) => again(() => blobs.list(prefix)),
    createAppend: (name) => again(() => blobs.createAppend(name)),
    append: (name, position, bytes) => again(() => blobs.append(name, position, bytes)),
    create: (name, bytes) => again(() => blobs.create(name, bytes)),
    read: (name, from, to) => again(() => blobs.read(name, from, to)),
    size: (name) => again(() => blobs.size(name)),
    remove: (name) => again(() => blobs.remove(name)),
  };
}

async function retry<T>(call: () => Promise<T>, world: World, limits: CheckpointLimits): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      const retryable = error instanceof TidemarkError && error.retryable;
      if (!retryable || attempt >= limits.attempts) throw error;
      await world.sleep(limits.backoff * 2 ** (attempt - 1) * (0.5 + world.random()));
    }
  }
}

/**
 * "own": the bytes stand at this position. "foreign": other bytes do. "short": the blob ends before the position,
 * though it reached it once. "missing": there is no such blob.
 */
export type OwnAppendOutcome = "own" | "foreign" | "short" | "missing";

/**
 * Appends at a position, through a reliable port, and recognises its own bytes when a lost acknowledgement made the
 * repeated append fail. Only bytes count: a frame of the same number may be somebody else's.
 */
export async function appendOwn(
  blobs: BlobPort,
  name: string,
  position: number,
  bytes: Uint8Array,
): Promise<OwnAppendOutcome> {
  const outcome = await blobs.append(name, position, bytes);
  if (outcome === "appended") return "own";
  if (outcome === "missing") return "missing";
  const found = await blobs.read(name, position, position + bytes.length);
  if (found === undefined) return "missing";
  if (found.length === 0) {
    const size = (await blobs.size(name)) ?? 0;
    // Empty: it was removed, and a creation that had been given up came after all.
    if (size === 0) return "missing";
    return size < position ? "short" : "foreign";
  }
  return Buffer.compare(found, bytes) === 0 ? "own" : "foreign";
}

/** Writes a blob that nobody else knows by name yet, in pieces; false when somebody removed it meanwhile. */
export async function writeOwn(blobs: BlobPort, name: string, bytes: Uint8Array): Promise<boolean> {
  await blobs.createAppend(name);
  for (let at = 0; at < bytes.length; at += APPEND_BYTES) {
    const piece = bytes.subarray(at, Math.min(at + APPEND_BYTES, bytes.length));
    if ((await appendOwn(blobs, name, at, piece)) !== "own") return false;
  }
  return true;
}
