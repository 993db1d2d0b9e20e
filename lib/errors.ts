/** What went wrong, as a stable word that programs may compare; the message is for people. */
export type ErrorCode =
  | "CONFIGURATION"
  | "PLAN_INVALID"
  | "PLAN_CHANGED"
  | "FENCED"
  | "LOG_DAMAGED"
  | "LOG_MISSING"
  | "EVENTS_LOST"
  | "HUB_RECREATED"
  | "PARTITIONS_CHANGED"
  | "LEDGER_IMBALANCE"
  | "LIMIT_EXCEEDED"
  | "DECODE_FAILED"
  | "STAGE_FAILED"
  | "SINK_REFUSED"
  | "FOREIGN_DOCUMENT"
  | "SEQUENCE_GAP"
  | "UNAVAILABLE"
  | "PORT_TAKEN"
  | "NOT_FOUND"
  | "UNSUPPORTED";

/** Where it went wrong; every part is optional because not every failure has all of them. */
export interface ErrorPlace {
  readonly pipeline?: string | undefined;
  readonly stage?: string | undefined;
  readonly partition?: string | undefined;
  readonly sequenceNumber?: number | undefined;
}

export interface ErrorDetails extends ErrorPlace {
  /** One sentence that tells the reader what to do now. */
  readonly fix?: string | undefined;
  /** True when the same call may succeed later. */
  readonly retryable?: boolean | undefined;
  readonly cause?: unknown;
}

/** The one error class of Tidemark: a code, what happened, where, and what to do. */
export class TidemarkError extends Error {
  readonly code: ErrorCode;
  readonly place: ErrorPlace;
  readonly fix: string | undefined;
  readonly retryable: boolean;

  constructor(code: ErrorCode, what: string, details: ErrorDetails = {}) {
    const { fix, retryable = false, cause, pipeline, stage, partition, sequenceNumber } = details;
    const place: ErrorPlace = { pipeline, stage, partition, sequenceNumber };
    super([what, describePlace(place), fix].filter(Boolean).join(" "), cause === undefined ? undefined : { cause });
    this.name = "TidemarkError";
    this.code = code;
    this.place = place;
    this.fix = fix;
    this.retryable = retryable;
  }
}

function describePlace(place: ErrorPlace): string {
  const parts = [
    place.pipeline && `pipeline "${place.pipeline}"`,
    place.stage && `stage "${place.stage}"`,
    place.partition !== undefined && `partition ${place.partition}`,
    place.sequenceNumber !== undefined && `sequence number ${place.sequenceNumber}`,
  ].filter(Boolean);
  return parts.length === 0 ? "" : `(${parts.join(", ")})`;
}

/** The message of anything that was thrown, also when it is not an Error. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return `${typeof thrown} without a text`;
  }
}
