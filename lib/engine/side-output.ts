import { messageOf } from "../errors.ts";
import type { EventContext } from "./context.ts";
import type { Deferred } from "./effects.ts";
import { NO_WATERMARK } from "./frame.ts";
import type { TaskId } from "./ports.ts";
import type { SideKind, SideRecord } from "./side-record.ts";

/** Collects dead letters and late events for the coming frame. */
export class SideOutput implements Deferred {
  readonly #id: TaskId;
  #records: SideRecord[] = [];

  constructor(id: TaskId) {
    this.#id = id;
  }

  /** Describes the event in hand, or the result in hand when windows emit; `why` is a reason or what was thrown. */
  record(kind: SideKind, stage: string, context: EventContext, value: unknown, why: unknown): SideRecord {
    const { event } = context;
    const thrown = why instanceof Error ? why : undefined;
    return {
      kind,
      pipeline: this.#id.pipeline,
      stage,
      partition: this.#id.partition,
      // A result has no number, and must not be taken for the event before it.
      sequenceNumber: event === undefined ? -1 : context.sequenceNumber,
      enqueuedTime: context.enqueuedTime,
      ...(context.timed ? { eventTime: context.timestamp } : {}),
      ...(context.watermark === NO_WATERMARK ? {} : { watermark: context.watermark }),
      ...(context.key === undefined ? {} : { key: context.key }),
      properties: event?.properties ?? {},
      reason: messageOf(why),
      ...(thrown?.stack ? { stack: thrown.stack } : {}),
      body: event?.body ?? encodeValue(value),
    };
  }

  apply(record: unknown): void {
    this.#records.push(record as SideRecord);
  }

  take(): readonly SideRecord[] {
    const records = this.#records;
    this.#records = [];
    return records;
  }
}

/** The bytes of a value that never was an event of its own, such as a window's result. */
export function encodeValue(value: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value) ?? "");
  } catch {
    return Buffer.from(String(value));
  }
}
