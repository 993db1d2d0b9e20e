import type { BlobPort } from "./blob-port.ts";
import { packAlone, unpack, unpackAlone } from "./codec.ts";
import type { LogContext } from "./context.ts";
import { damaged } from "./errors.ts";
import { encodeFrame, type RawFrame } from "./frame-format.ts";
import { readFrames } from "./read-frames.ts";
import type { Rotation, SegmentHeader } from "./records.ts";
import { writeOwn } from "./reliable.ts";

/** A segment as read: its header and the frames behind it. */
export interface Segment {
  readonly name: string;
  readonly ordinal: number;
  readonly header: SegmentHeader;
  readonly frames: RawFrame[];
  length: number;
}

/** A fresh segment that only its header is in. */
export interface EmptySegment {
  readonly name: string;
  readonly ordinal: number;
  readonly length: number;
}

/** Reads a whole segment; undefined when its creator crashed before the header was in. Throws LOG_MISSING, LOG_DAMAGED. */
export async function readSegment(context: LogContext, name: string, generation: number): Promise<Segment | undefined> {
  let segment: Segment | undefined;
  for await (const frame of readFrames(context.blobs, name, 0)) {
    assertGeneration(frame, generation);
    if (segment === undefined) {
      segment = begin(context, frame);
    } else {
      if (frame.kind === "header") throw damaged("a second header", name, frame.offset);
      segment.frames.push(frame);
    }
    segment.length = frame.end;
  }
  return segment;
}

/** Reads what was appended to a segment since it was read, and returns it. */
export async function readOn(blobs: BlobPort, segment: Segment, generation: number): Promise<RawFrame[]> {
  const found: RawFrame[] = [];
  for await (const frame of readFrames(blobs, segment.name, segment.length)) {
    assertGeneration(frame, generation);
    found.push(frame);
    segment.frames.push(frame);
    segment.length = frame.end;
  }
  return found;
}

/** Where the log goes on after a segment: undefined when the segment is still open. */
export function rotationOf(frames: readonly RawFrame[]): Rotation | undefined {
  const last = frames.at(-1);
  return last?.kind === "rotate" ? unpack<Rotation>(last.body) : undefined;
}

/** Whether anybody ever wrote behind the header: only owners of a segment that belongs to the log do. */
export function isProven(segment: Segment): boolean {
  return segment.frames.length > 0;
}

/** Creates a segment under a name of its own with its header in it; undefined when somebody removed it meanwhile. */
export async function createSegment(
  context: LogContext,
  generation: number,
  header: Omit<SegmentHeader, "pipeline" | "partition">,
): Promise<EmptySegment | undefined> {
  const { folder, world, blobs, task } = context;
  const nonce = world.nonce();
  const name = folder.blob("log", generation, header.ordinal, nonce);
  const status = packAlone({ ...header, ...task } satisfies SegmentHeader);
  const frame = { kind: "header", generation, sequence: 0, nonce, external: false, status, body: NOTHING } as const;
  const bytes = encodeFrame(frame);
  const written = await writeOwn(blobs, name, bytes);
  return written ? { name, ordinal: header.ordinal, length: bytes.length } : undefined;
}

const NOTHING = new Uint8Array(0);

function begin({ task }: LogContext, frame: RawFrame): Segment {
  if (frame.kind !== "header") throw damaged("the segment's header is missing", frame.blob, frame.offset);
  const header = unpackAlone<SegmentHeader>(frame.status);
  if (header.pipeline !== task.pipeline || header.partition !== task.partition) {
    throw damaged(`a segment of ${header.pipeline}/${header.partition}`, frame.blob, frame.offset);
  }
  return { name: frame.blob, ordinal: header.ordinal, header, frames: [], length: frame.end };
}

function assertGeneration(frame: RawFrame, generation: number): void {
  if (frame.generation === generation) return;
  throw damaged(`a frame of generation ${frame.generation} in generation ${generation}`, frame.blob, frame.offset);
}
