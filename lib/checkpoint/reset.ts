import { TidemarkError } from "../errors.ts";
import { createMarker } from "./begin.ts";
import { pack } from "./codec.ts";
import type { LogContext } from "./context.ts";
import { findLog } from "./discovery.ts";
import { encodeFrame } from "./frame-format.ts";
import { type ListedBlob, type Listing, listTask } from "./listing.ts";
import { readLastFrame } from "./read-frames.ts";
import type { Rotation } from "./records.ts";
import { appendOwn } from "./reliable.ts";
import { initialStatus } from "./replay.ts";

/**
 * Ends a log: its head gets a rotation to nowhere, which fences its owner, and the next generation is reserved. Works
 * on damaged logs and on missing ones too: that is what it is for. Returns the generation that ended.
 */
export async function resetLog(context: LogContext): Promise<number> {
  for (let attempt = 0; attempt < context.limits.openings; attempt++) {
    const listing = await listTask(context);
    // Without a marker there is nothing to end, unless the marker itself was lost.
    const generation = listing.generation || newestGeneration(listing);
    if (!(await closeSegments(context, listing, generation))) continue;
    await createMarker(context, { generation: generation + 1, root: undefined });
    return generation;
  }
  throw new TidemarkError("UNAVAILABLE", "Others kept writing to the checkpoint log that was to be reset.", {
    ...context.task,
    retryable: true,
  });
}

function newestGeneration({ blobs }: Listing): number {
  return Math.max(0, ...blobs.map((blob) => blob.generation));
}

/** Puts a rotation to nowhere behind the head; false when others wrote meanwhile. */
async function closeSegments(context: LogContext, listing: Listing, generation: number): Promise<boolean> {
  const heads = await headsOf(context, listing, generation);
  for (const head of heads) {
    if (!(await closeSegment(context, generation, head))) return false;
  }
  return true;
}

interface Head {
  readonly name: string;
  readonly length: number;
  readonly sequence: number;
  readonly status: Uint8Array;
}

/** The head of the log; all open segments of a log that cannot be read. */
async function headsOf(context: LogContext, listing: Listing, generation: number): Promise<Head[]> {
  try {
    const found = await findLog(context, listing);
    const head = found?.chain.at(-1);
    if (found === undefined || head === undefined) return [];
    const { name, length, header } = head;
    // The head of a log that has just rotated is empty: whoever reads on expects the number of the frame before.
    const last = found.chain.flatMap(({ frames }) => frames).at(-1);
    const status = last?.status ?? pack(initialStatus(header.start));
    return [{ name, length, sequence: last?.sequence ?? found.base?.sequence ?? 0, status }];
  } catch (error) {
    const unreadable = error instanceof TidemarkError && ["LOG_DAMAGED", "LOG_MISSING"].includes(error.code);
    if (!unreadable) throw error;
    const segments = listing.blobs.filter((blob) => blob.kind === "log" && blob.generation === generation);
    return openSegments(context, segments);
  }
}

async function openSegments({ blobs }: LogContext, segments: readonly ListedBlob[]): Promise<Head[]> {
  const heads: Head[] = [];
  for (const { name, size } of segments) {
    const last = await readLastFrame(blobs, name, size).catch(() => undefined);
    if (last?.kind === "rotate") continue;
    heads.push({ name, length: size, sequence: last?.sequence ?? 0, status: last?.status ?? NOTHING });
  }
  return heads;
}

async function closeSegment(
  { blobs, world }: LogContext,
  generation: number,
  { name, length, sequence, status }: Head,
): Promise<boolean> {
  const bytes = encodeFrame({
    kind: "rotate",
    generation,
    sequence,
    nonce: world.nonce(),
    external: false,
    status,
    body: pack({ next: undefined } satisfies Rotation),
  });
  const outcome = await appendOwn(blobs, name, length, bytes);
  return outcome === "own" || outcome === "missing";
}

const NOTHING = new Uint8Array(0);
