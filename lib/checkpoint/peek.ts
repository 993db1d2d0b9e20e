import { TidemarkError } from "../errors.ts";
import type { LogStatus } from "./checkpoint-log.ts";
import { unpack, unpackAlone } from "./codec.ts";
import type { LogContext } from "./context.ts";
import { missing } from "./errors.ts";
import type { RawFrame } from "./frame-format.ts";
import { type ListedBlob, type Listing, listTask, readMarker } from "./listing.ts";
import { readLastFrame } from "./read-frames.ts";
import type { Rotation, SegmentHeader, Status } from "./records.ts";
import { initialStatus } from "./replay.ts";
import { unpackStatus } from "./status.ts";

const TRIES = 5;

/** The newest status of a log by its last frame: a listing and, as a rule, one read. */
export async function peekLog(context: LogContext): Promise<LogStatus | undefined> {
  for (let attempt = 1; ; attempt++) {
    const listing = await listTask(context);
    if (listing.generation === 0) return undefined;
    try {
      return await peekListed(context, listing);
    } catch (error) {
      // A live owner tidies up what is read here.
      const gone = error instanceof TidemarkError && error.code === "LOG_MISSING";
      if (!gone || attempt === TRIES || (await listTask(context)).print === listing.print) throw error;
    }
  }
}

async function peekListed(context: LogContext, listing: Listing): Promise<LogStatus | undefined> {
  for (const blob of listing.segments) {
    const frame = await readLastFrame(context.blobs, blob.name, blob.size);
    if (frame === undefined) continue;
    if (frame.kind !== "header") return describe(frame);
    const header = unpackAlone<SegmentHeader>(frame.status);
    if (header.previous === undefined) {
      const { root } = await readMarker(context, listing.generation);
      if (root === blob.name) return statusOf(listing.generation, 0, initialStatus(header.start));
    } else {
      const before = await lastOf(context, listing.segments, header.previous);
      if (before && nextOf(before) === blob.name) return describe(before);
    }
  }
  const { root } = await readMarker(context, listing.generation);
  if (root === undefined) return undefined;
  throw missing(root, `generation ${listing.generation} began with it, and nothing that follows it was found`);
}

async function lastOf(
  { blobs }: LogContext,
  segments: readonly ListedBlob[],
  name: string,
): Promise<RawFrame | undefined> {
  const blob = segments.find((segment) => segment.name === name);
  return blob && readLastFrame(blobs, blob.name, blob.size);
}

function nextOf(frame: RawFrame): string | undefined {
  return frame.kind === "rotate" ? unpack<Rotation>(frame.body).next : undefined;
}

function describe(frame: RawFrame): LogStatus | undefined {
  if (frame.kind === "rotate" && nextOf(frame) === undefined) return undefined;
  return statusOf(frame.generation, frame.sequence, unpackStatus(frame.status));
}

function statusOf(generation: number, sequence: number, status: Status): LogStatus {
  const { position, watermark, confirmed, pending, start, ledger, idleDue } = status;
  return { generation, sequence, position, watermark, confirmed, pendingFrames: pending, start, ledger, idleDue };
}
