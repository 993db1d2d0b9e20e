import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { CosmosClient } from "@azure/cosmos";
import { EventHubProducerClient } from "@azure/event-hubs";
import { BlobServiceClient } from "@azure/storage-blob";
import { pack, unpack } from "msgpackr";
import { type FrameStamp, NO_WATERMARK } from "../../lib/engine/frame.ts";
import type { World } from "../../lib/engine/ports.ts";
import type { Connections, DeliveryReport, RecordMeta, Sink, SinkTask } from "../../lib/engine/sink.ts";
import { COSMOS_CLIENT_OPTIONS } from "../../lib/sinks/cosmos/client-options.ts";

/** The real clock, but pauses between attempts (five seconds at most) take a few milliseconds: retries are quick. */
export const hastyWorld: World = {
  now: Date.now,
  random: Math.random,
  nonce: () => randomBytes(16),
  sleep: (milliseconds, signal) =>
    wait(milliseconds > 5_000 ? milliseconds : Math.min(milliseconds, 5), undefined, signal ? { signal } : {}),
};

/** A world that notes for how long it was asked to sleep. */
export function notingWorld(): { readonly world: World; readonly sleeps: number[] } {
  const sleeps: number[] = [];
  const sleep: World["sleep"] = (milliseconds, signal) => {
    sleeps.push(milliseconds);
    return hastyWorld.sleep(0, signal);
  };
  return { world: { ...hastyWorld, sleep }, sleeps };
}

export interface LocalServices {
  readonly cosmos?: string;
  readonly hub?: string;
  readonly blobs?: string;
}

/** Connections to local servers by their connection strings; `close` closes the clients. */
export function localConnections(
  services: LocalServices,
  retryOptions = { maxRetries: 0, timeoutInMs: 10_000 },
): Connections & { close(): Promise<void> } {
  const producers = new Map<string, EventHubProducerClient>();
  const cosmos = services.cosmos === undefined ? undefined : cosmosClient(services.cosmos);
  const producer = (hub: string) => {
    const known = producers.get(hub);
    if (known !== undefined) return known;
    const made = new EventHubProducerClient(need(services.hub), hub, { retryOptions });
    producers.set(hub, made);
    return made;
  };
  return {
    cosmos: async () => need(cosmos),
    eventHubProducer: async (_connection, hub) => producer(hub),
    blobs: async () => {
      return BlobServiceClient.fromConnectionString(need(services.blobs), { retryOptions: { maxTries: 1 } });
    },
    hubBounds: async (_connection, hub) => {
      const { partitionIds, createdOn } = await producer(hub).getEventHubProperties();
      return {
        first: 0,
        next: 0,
        hubCreated: createdOn.getTime(),
        partitionCount: partitionIds.length,
        lastEnqueued: 0,
      };
    },
    close: async () => {
      for (const client of producers.values()) await client.close();
      cosmos?.dispose();
    },
  };
}

export function cosmosClient(connectionString: string): CosmosClient {
  return new CosmosClient({ connectionString, ...COSMOS_CLIENT_OPTIONS });
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("This test did not start the service that it needs.");
  return value;
}

/** One frame as the checkpoint log keeps it. */
export interface TestFrame {
  readonly stamp: FrameStamp;
  readonly messages: readonly unknown[];
}

export interface OwnerOptions {
  readonly connections: Connections;
  readonly world?: World;
  readonly pipeline?: string;
  readonly partition?: string;
  readonly tasks?: number;
}

/**
 * Stands in for the engine: makes frames of values, keeps the sink's store, and lets a second owner open the sink from
 * what the log held. Messages and state go through MessagePack, as they do in the log.
 */
export class Owner<T> {
  readonly #sink: Sink<T>;
  readonly #options: OwnerOptions;
  readonly #state: Map<string, unknown>;
  readonly task: SinkTask<T>;
  #sequence: number;

  private constructor(
    sink: Sink<T>,
    options: OwnerOptions,
    state: Map<string, unknown>,
    sequence: number,
    task: SinkTask<T>,
  ) {
    this.#sink = sink;
    this.#options = options;
    this.#state = state;
    this.#sequence = sequence;
    this.task = task;
  }

  static async open<T>(
    sink: Sink<T>,
    options: OwnerOptions,
    state: ReadonlyMap<string, unknown> = new Map(),
    sequence = 0,
  ): Promise<Owner<T>> {
    const { connections, world = hastyWorld, pipeline = "flights", partition = "0", tasks = 1 } = options;
    const recovered = unpack(pack([...state])) as [string, unknown][];
    const task = await sink.open({ world, pipeline, partition, tasks, state: new Map(recovered), connections });
    return new Owner(sink, options, new Map(recovered), sequence, task);
  }

  /** Another owner takes over: it knows what the log holds. */
  takeOver(): Promise<Owner<T>> {
    return Owner.open(this.#sink, this.#options, this.#state, this.#sequence + 1);
  }

  /** Commits a frame of values. */
  frame(values: readonly T[], watermark: number = NO_WATERMARK, meta: Partial<RecordMeta> = {}): TestFrame {
    const { pipeline = "flights", partition = "0" } = this.#options;
    const whole: RecordMeta = { timestamp: 0, key: undefined, watermark, enqueuedTime: 0, ...meta };
    const messages = values.map((value) => this.task.accept(this.task.prepare(value, whole)));
    messages.push(...(this.task.closeFrame?.(watermark) ?? []));
    const changes = this.task.changes?.() ?? [];
    for (let at = 0; at < changes.length; at += 2) this.#state.set(String(changes[at]), changes[at + 1]);
    const nonce = randomBytes(16).toString("hex");
    const stamp = { pipeline, partition, generation: 1, sequence: ++this.#sequence, nonce };
    return { stamp, messages: unpack(pack(messages)) as unknown[] };
  }

  deliver(frame: TestFrame, signal: AbortSignal = AbortSignal.timeout(20_000)): Promise<DeliveryReport> {
    return this.task.deliver(frame.messages, frame.stamp, signal);
  }
}
