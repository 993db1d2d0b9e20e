/** What a run must have come to, whatever happened on the way. */
export interface Expectation {
  /** Container → document id → the document without what the service and the fence add. */
  readonly documents: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  /** Hub → "producer>target partition" → bodies in order; what the hub finds too large is not in it. */
  readonly sent: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Late events and dead letters, as `sideLine` writes them, sorted. */
  readonly side: readonly string[];
}

/** Events that retention removed before a task processed them, as the task reported it: [from, to). */
export interface LostRange {
  readonly from: number;
  readonly to: number;
}

/** Task ("pipeline/partition") → what it lost. */
export type Losses = ReadonlyMap<string, readonly LostRange[]>;

export interface SideFacts {
  readonly kind: string;
  readonly pipeline: string;
  readonly stage: string;
  /** The original bytes as base64; undefined for a message that a sink's service refused. */
  readonly body: string | undefined;
}

export function sideLine({ kind, pipeline, stage, body }: SideFacts): string {
  return `${pipeline} ${kind} at ${stage}: ${body ?? "refused"}`;
}
