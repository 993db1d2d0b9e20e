import type { FrameStamp, StoreChange } from "./frame.ts";
import type { PartitionBounds, World } from "./ports.ts";

/**
 * A sink as a value: what a pipeline's author writes in `.to(…)`. It does no I/O until a task opens it. Everything it
 * needs from the outside world comes through `SinkContext`.
 */
export interface Sink<T> {
  readonly kind: string;
  /** Unique within the pipeline; default: derived from what it writes to. */
  readonly name: string;
  /** What infrastructure and pictures need to know, as plain data. */
  readonly target: SinkTarget;
  open(context: SinkContext): Promise<SinkTask<T>>;
}

export type SinkTarget =
  | {
      readonly kind: "cosmos";
      readonly connection: string;
      readonly database: string;
      readonly container: string;
      readonly partitionKey: readonly string[];
    }
  | { readonly kind: "eventHub"; readonly connection: string; readonly eventHub: string; readonly partitions: number }
  | { readonly kind: "blob"; readonly connection: string; readonly container: string; readonly prefix: string }
  | { readonly kind: "memory"; readonly name: string }
  /** Something that infrastructure and local services know nothing of: a sink of your own. */
  | { readonly kind: "custom"; readonly name: string };

export interface SinkContext {
  readonly world: World;
  readonly pipeline: string;
  readonly partition: string;
  /** How many tasks the pipeline has: the number of the source hub's partitions. */
  readonly tasks: number;
  /** What the sink's store held when the log was recovered: key → value. */
  readonly state: ReadonlyMap<string, unknown>;
  /** Clients by the name of their connection setting; made once in a process and shared. */
  readonly connections: Connections;
}

/** How sinks and tables reach services. The Azure edge implements it; `lib/azure/connections.ts`. */
export interface Connections {
  cosmos(connection: string): Promise<import("@azure/cosmos").CosmosClient>;
  eventHubProducer(connection: string, eventHub: string): Promise<import("@azure/event-hubs").EventHubProducerClient>;
  blobs(connection: string): Promise<import("@azure/storage-blob").BlobServiceClient>;
  /** What a hub partition holds; partition count and creation time of the hub included. */
  hubBounds(connection: string, eventHub: string, partition: string): Promise<PartitionBounds>;
}

/** What a record brings along to a sink. */
export interface RecordMeta {
  /** Event time, milliseconds since the epoch. */
  readonly timestamp: number;
  readonly key: string | undefined;
  /** How far event time had come for this record, downstream holds included. */
  readonly watermark: number;
  /** Enqueued time of the event being processed, milliseconds since the epoch. */
  readonly enqueuedTime: number;
}

/** A sink opened for one task. */
export interface SinkTask<T> {
  /** Turns a value into a message, without side effects; throws when the value cannot be written: it becomes a dead letter. */
  // A property and not a method: only then is a sink of another type refused by the compiler.
  readonly prepare: (value: T, meta: RecordMeta) => unknown;
  /**
   * Takes a prepared message into the coming frame's outbox, and returns what is to be stored there; must not throw.
   * Undefined stores nothing: the sink keeps the value itself, until a later `closeFrame`, and tells it in `changes`.
   */
  accept(prepared: unknown): unknown;
  /** Messages of the sink's own at the end of a frame, such as watermarks for partitions that got no event. */
  closeFrame?(watermark: number): readonly unknown[];
  /** The watermark at which `closeFrame` will next have something to send; undefined when nothing waits. */
  nextTimer?(): number | undefined;
  /**
   * Changes of the sink's own store since the last call; key, value, key, value … (see StoreChange). Keys that begin
   * with WAITING hold values that still have to leave: while there are any, a plan without the sink is refused.
   */
  changes?(): StoreChange["entries"];
  /**
   * Delivers one frame's messages; resolves when all are accepted. Delivering a frame twice must be the same as once.
   * Transient trouble is retried inside for about half a minute, or until `signal` is aborted, and then thrown as a
   * retryable TidemarkError, so that somebody hears of it: the frame stays pending, and is delivered again.
   */
  deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal): Promise<DeliveryReport>;
  close(): Promise<void>;
}

export interface DeliveryReport {
  /** Messages that the service will never take (too large, invalid): the task turns them into dead letters. */
  readonly refused: readonly { readonly message: unknown; readonly reason: string }[];
}

/** How keys of a sink's store begin that hold values which still have to leave. */
export const WAITING = "+";

export const ALL_DELIVERED: DeliveryReport = { refused: [] };
