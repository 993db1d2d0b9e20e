import { TidemarkError } from "../errors.ts";
import type { FrameStamp, PendingFrame } from "./frame.ts";
import { NO_WATERMARK } from "./frame.ts";
import { encodeValue } from "./side-output.ts";
import { SIDE_SINK, type SideRecord } from "./side-record.ts";
import type { SinkTask } from "./sink.ts";

/** A message that a sink's service will never take, told as the dead letter it becomes. */
export type Refusal = SideRecord;

/** Delivers committed frames to their sinks, oldest first, and knows how far delivery came. */
export class Outbox {
  readonly #sinks: ReadonlyMap<string, SinkTask<unknown>>;
  readonly #pending: PendingFrame[] = [];
  #confirmed: number;
  #newest: number;

  constructor(sinks: ReadonlyMap<string, SinkTask<unknown>>, confirmed: number, pending: readonly PendingFrame[]) {
    this.#sinks = sinks;
    this.#confirmed = confirmed;
    this.#newest = confirmed;
    for (const frame of pending) this.add(frame);
  }

  /** Every frame up to this sequence has been delivered. */
  get confirmed(): number {
    return this.#pending.length === 0 ? this.#newest : this.#confirmed;
  }

  get pendingFrames(): number {
    return this.#pending.length;
  }

  add(frame: PendingFrame): void {
    this.#newest = frame.stamp.sequence;
    if (frame.outbox.length === 0) return;
    this.#pending.push(frame);
  }

  /**
   * Delivers what is pending, up to and including the first frame of which something was refused: that must be committed
   * before anything else can fail. Throws UNAVAILABLE, retryable, when a sink could not be reached in time.
   */
  async deliver(signal: AbortSignal): Promise<readonly Refusal[]> {
    for (let frame = this.#pending[0]; frame !== undefined; frame = this.#pending[0]) {
      const refusals = await this.#deliverFrame(frame, signal);
      this.#confirmed = frame.stamp.sequence;
      this.#pending.shift();
      if (refusals.length > 0) return refusals;
    }
    return [];
  }

  async #deliverFrame({ stamp, outbox }: PendingFrame, signal: AbortSignal): Promise<readonly Refusal[]> {
    const reports = await settleAll(
      outbox.map(async ({ sink, messages }) => {
        const task = this.#sinks.get(sink);
        if (task === undefined) throw unknownSink(sink, stamp);
        const { refused } = await task.deliver(messages, stamp, signal);
        return refused.map(({ message, reason }) => refusal(sink, stamp, message, reason));
      }),
    );
    return reports.flat();
  }
}

/** Waits for all before it throws, so that nothing is still being sent when the caller goes on. */
async function settleAll<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

function refusal(sink: string, stamp: FrameStamp, message: unknown, reason: string): SideRecord {
  return {
    kind: "dead-letter",
    pipeline: stamp.pipeline,
    stage: sink,
    partition: stamp.partition,
    sequenceNumber: -1,
    enqueuedTime: 0,
    watermark: NO_WATERMARK,
    properties: { generation: stamp.generation, sequence: stamp.sequence },
    reason: `refused by ${sink === SIDE_SINK ? "the side output" : `sink "${sink}"`}: ${reason}`,
    body: encodeValue(message),
  };
}

function unknownSink(sink: string, stamp: FrameStamp): TidemarkError {
  return new TidemarkError(
    "PLAN_CHANGED",
    `An undelivered frame has messages for sink "${sink}", which the plan no longer has.`,
    {
      pipeline: stamp.pipeline,
      partition: stamp.partition,
      fix: "Deploy the sink once more, let the task deliver what is pending, then remove it.",
    },
  );
}
