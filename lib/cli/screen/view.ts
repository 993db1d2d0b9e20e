/** What the live screen shows at one moment. */
export interface LiveView {
  /** Milliseconds since the start. */
  readonly elapsed: number;
  readonly published: number;
  /** Events per second that were published, newest last. */
  readonly publishRates: readonly number[];
  readonly pipelines: readonly PipelineView[];
  readonly airports: readonly AirportView[];
  /** Documents by container, as far as they were seen. */
  readonly documents: Readonly<Record<string, number>>;
  /** Where to look: a name and an address each. */
  readonly places: readonly (readonly [name: string, address: string])[];
  /** The newest things worth saying, newest last. */
  readonly notes: readonly Note[];
  /** What is down right now. */
  readonly trouble: string | undefined;
}

export interface Note {
  /** Milliseconds since the start. */
  readonly at: number;
  readonly text: string;
}

export interface PipelineView {
  readonly name: string;
  readonly eventsPerSecond: number;
  /** Milliseconds since the epoch; undefined before the first event and after the last. */
  readonly watermark: number | undefined;
  /** Events in the hub that are not committed yet. */
  readonly lag: number;
  readonly late: number;
  readonly deadLetters: number;
  readonly duplicates: number;
}

/** An airport's newest window. */
export interface AirportView {
  readonly code: string;
  readonly name: string;
  readonly state: string;
  /** Milliseconds since the epoch. */
  readonly windowStart: number;
  readonly flights: number;
  readonly late: number;
  /** Minutes. */
  readonly avgDelay: number;
  /** Minutes. */
  readonly p95Delay: number;
  /** Average delays of the hours up to this window, oldest first; undefined where no flight left. */
  readonly history: readonly (number | undefined)[];
}
