import { outboxOf } from "./body.ts";
import type { LogContext } from "./context.ts";
import { Delta } from "./delta.ts";
import { placeOf } from "./errors.ts";
import { hexOf } from "./names.ts";
import { partsOf } from "./part.ts";
import { bodyOf, readFrames, SMALL_WINDOW } from "./read-frames.ts";
import type { SnapshotRef, Status } from "./records.ts";
import { assertFollows, unconfirmed } from "./replay.ts";
import { type PendingBody, readSnapshot, SnapshotWriter } from "./snapshot.ts";
import { decodeChanges } from "./state-part.ts";
import { unpackStatus } from "./status.ts";

export interface ClosedSegment {
  readonly segment: string;
  readonly ordinal: number;
}

/**
 * Folds the newest snapshot and the closed segments after it into a new snapshot, out of durable bytes alone: the task's
 * live state is never touched. Works in short slices and gives way in between. Memory holds what the segments changed,
 * not the state. Undefined when it was stopped or when another owner removed the blobs.
 */
export async function compact(
  context: LogContext,
  generation: number,
  base: SnapshotRef | undefined,
  segments: readonly [ClosedSegment, ...ClosedSegment[]],
  stopped: () => boolean,
): Promise<SnapshotRef | undefined> {
  const { limits, world } = context;
  const pause = async (): Promise<void> => {
    await world.sleep(limits.slicePause);
    if (stopped()) throw STOPPED;
  };
  try {
    const folded = await foldSegments(context, base?.sequence ?? 0, segments, pause);
    const through = (segments.at(-1) ?? segments[0]).ordinal;
    const writer = new SnapshotWriter(context, generation, through);
    const send = async (): Promise<void> => {
      if (!(await writer.send())) throw STOPPED;
      await pause();
    };
    let pending: PendingBody[] = [];
    if (base) {
      await readSnapshot(context, base, generation, {
        windowBytes: SMALL_WINDOW,
        pending: (one) => void pending.push(one),
        state: async (body, place) => {
          for (const part of partsOf(body, place)) {
            for (const change of decodeChanges(part)) {
              writer.add(change.store, change.bucket, folded.delta.untouched(change));
            }
          }
          await send();
        },
      });
    }
    for (const { store, bucket, entries } of folded.delta.added(limits.sliceItems)) {
      if (writer.add(store, bucket, entries)) await send();
    }
    pending = unconfirmed([...pending, ...folded.pending], folded.status.confirmed);
    for (const one of pending) writer.addPending(one);
    return await writer.end(folded.status, folded.sequence);
  } catch (error) {
    if (error === STOPPED) return undefined;
    throw error;
  }
}

const STOPPED = Symbol("stopped");

interface FoldedSegments {
  readonly delta: Delta;
  readonly pending: PendingBody[];
  readonly status: Status;
  readonly sequence: number;
}

async function foldSegments(
  { blobs, task }: LogContext,
  after: number,
  segments: readonly ClosedSegment[],
  pause: () => Promise<void>,
): Promise<FoldedSegments> {
  const delta = new Delta();
  let pending: PendingBody[] = [];
  let status: Status | undefined;
  let sequence = after;
  for (const { segment } of segments) {
    for await (const frame of readFrames(blobs, segment, 0, SMALL_WINDOW)) {
      if (frame.kind === "header") continue;
      assertFollows(sequence, frame);
      sequence = frame.sequence;
      status = unpackStatus(frame.status);
      if (frame.kind !== "data") continue;
      const place = placeOf(task, frame);
      const body = await bodyOf(blobs, frame);
      for (const part of partsOf(body, place)) {
        if (part.kind !== "state") break;
        delta.apply(decodeChanges(part));
        await pause();
      }
      const outbox = outboxOf(body, place);
      // Copied: a view would keep the whole window alive.
      if (outbox.length > 0) {
        pending.push({ sequence, nonce: hexOf(frame.nonce), body: Buffer.from(outbox), place });
      }
      pending = unconfirmed(pending, status.confirmed);
    }
  }
  if (status === undefined) throw new Error("A closed segment has no frames.");
  return { delta, pending, status, sequence };
}
