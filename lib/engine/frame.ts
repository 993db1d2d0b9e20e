/** What one commit writes: position, watermark, state and outbox move together or not at all. */
export interface Frame {
  /** The sequence number of the next event to process. */
  readonly position: number;
  /** How far event time has come, milliseconds since the epoch; NO_WATERMARK before the first event, END_OF_TIME at the end. */
  readonly watermark: number;
  readonly changes: readonly StoreChange[];
  readonly outbox: readonly OutboxEntry[];
  /** Every frame up to this sequence has been delivered by all sinks. */
  readonly confirmed: number;
  readonly ledger: LedgerCounts;
  /** When, by the clock, silence alone will make the next result due; milliseconds since the epoch. */
  readonly idleDue?: number | undefined;
}

export const NO_WATERMARK: number = Number.MIN_SAFE_INTEGER;
export const END_OF_TIME: number = Number.MAX_SAFE_INTEGER;

/**
 * A change of one bucket of a store. A store holds buckets (slices of event time; 0 where time plays no part), a bucket
 * holds keys. Within a frame all `entries` apply first, then `dropped`.
 */
export interface StoreChange {
  readonly store: string;
  readonly bucket: number;
  /** Key, value, key, value …; an undefined value deletes the key. Values are plain data that MessagePack can carry. */
  readonly entries: readonly unknown[];
  /** The whole bucket goes. */
  readonly dropped?: boolean;
}

/** Messages of one sink, in order. What a message is, the sink knows: plain data that MessagePack can carry. */
export interface OutboxEntry {
  readonly sink: string;
  readonly messages: readonly unknown[];
}

/** Store → bucket → key → value. */
export type StateContents = Map<string, Map<number, Map<string, unknown>>>;

/** Which frame a delivery belongs to: what sinks fence and deduplicate by. */
export interface FrameStamp {
  readonly pipeline: string;
  readonly partition: string;
  /** Grows at every reset of the log. */
  readonly generation: number;
  /** Grows by one with every frame, also across rotation. */
  readonly sequence: number;
  /** Hexadecimal; tells two frames of equal sequence apart. */
  readonly nonce: string;
}

/** A frame that was committed and may not have been delivered yet. */
export interface PendingFrame {
  readonly stamp: FrameStamp;
  readonly outbox: readonly OutboxEntry[];
}

/** Counts that account for every event: one row for the source, one for each stage and sink. */
export interface LedgerCounts {
  readonly source: SourceCounts;
  readonly stages: readonly StageCounts[];
}

/** position − start = processed + lost + holes + control. */
export interface SourceCounts {
  readonly start: number;
  readonly processed: number;
  readonly lost: number;
  readonly holes: number;
  readonly control: number;
}

/** in = passed + aggregated + filtered + late + deadLettered + duplicate; out is counted apart. */
export interface StageCounts {
  readonly stage: string;
  readonly in: number;
  readonly passed: number;
  readonly aggregated: number;
  readonly filtered: number;
  readonly late: number;
  readonly deadLettered: number;
  readonly duplicate: number;
  readonly out: number;
}
