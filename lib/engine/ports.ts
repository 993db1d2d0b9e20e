/**
 * What the engine needs from outside. The Azure edges implement these with the SDKs, the test driver and the simulator
 * with virtual time; the engine itself knows no clock, no chance and no network.
 */

/** Time and chance, injected. */
export interface World {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after so many milliseconds; rejects with the signal's reason when it is aborted first. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Sixteen bytes that nobody else will ever draw. */
  nonce(): Uint8Array;
  /** A number in [0, 1), for jitter. */
  random(): number;
}

/** One record of a hub partition, as bytes. */
export interface HubEvent {
  readonly sequenceNumber: number;
  /** Milliseconds since the epoch. */
  readonly enqueuedTime: number;
  readonly partitionKey: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: Uint8Array;
}

/** What one hub partition holds now. */
export interface PartitionBounds {
  /** The lowest sequence number that can still be read; equals `next` when the partition is empty. */
  readonly first: number;
  /** The sequence number that the next event will get. */
  readonly next: number;
  /** When the hub was created, milliseconds since the epoch: tells a recreated hub from an old one. */
  readonly hubCreated: number;
  readonly partitionCount: number;
  /** When the partition's newest event was enqueued, milliseconds since the epoch; 0 when it never had one. */
  readonly lastEnqueued: number;
}

/** Reads a partition outside the trigger, in a consumer group of its own: for the start position and for gaps. */
export interface PartitionReader {
  bounds(): Promise<PartitionBounds>;
  /** The sequence number of the first event enqueued at or after a time, or `next` when there is none. */
  sequenceAt(time: number): Promise<number>;
  /**
   * Yields events with `from` ≤ sequence number < `to`, in order, in chunks of at most `limit`; ends early only when
   * the hub holds no more of them.
   */
  read(from: number, to: number, limit: number): AsyncIterable<readonly HubEvent[]>;
  /** Which of so many partitions the hub gives a partition key to; absent when there is no telling. */
  partitionOf?(key: string, partitions: number): number;
  close(): Promise<void>;
}

/** Rows of a reference table by their key. */
export interface TableReader {
  /** Loads the rows, or says that nothing changed since the given version. */
  load(
    knownVersion: string | undefined,
  ): Promise<{ readonly version: string; readonly rows: readonly unknown[] } | "unchanged">;
}

/** Identifies one task: the unit of order, of state and of failure. */
export interface TaskId {
  readonly pipeline: string;
  readonly partition: string;
}
