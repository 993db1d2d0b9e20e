/** What a run must have come to, whatever happened on the way. */
export interface Expectation {
  /** Container → document id → the document without what the service and the fence add. */
  readonly documents: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  /** Hub → "producer>target partition" → bodies in order; what the hub finds too large is not in it. */
  readonly sent: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** Late events and dead letters, as `sideLine` writes them, sorted. */
  readonly side: readonly string[];
  /** "sink of task" → what counts of the rows of its files, as `readFiles` tells it. */
  readonly files?: ReadonlyMap<string, readonly string[]>;
  /** Results are versions of windows, and how many there are depends on batches: only the last of each counts. */
  readonly updates?: boolean;
}

/** What counts of a list of bodies: all of them, or the last version of each window's result. */
export function whatCounts(bodies: readonly string[], updates: boolean): readonly string[] {
  if (!updates) return bodies;
  const last = new Map<string, string>();
  for (const body of bodies) {
    const { key, windowStart } = JSON.parse(body) as Record<string, unknown>;
    last.set(windowStart === undefined ? body : JSON.stringify([key, windowStart]), body);
  }
  return [...last.values()].sort();
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
