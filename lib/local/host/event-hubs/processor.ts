import { setTimeout as sleep } from "node:timers/promises";
import { type CheckpointStore, EventHubConsumerClient, type PartitionOwnership } from "@azure/event-hubs";
import { messageOf } from "../../../errors.ts";
import { HubConnection } from "../../hub-client/hub-connection.ts";
import { HubTrouble } from "../../hub-client/trouble.ts";
import type { EventHubsOptions, InitialOffset } from "../config/host-json.ts";
import type { PartitionPlace } from "./metadata.ts";
import { partitionsToClaim } from "./ownership.ts";
import { Prefetch } from "./prefetch.ts";
import type { ReceivedEvent } from "./received-event.ts";

export interface ProcessorOptions {
  readonly connectionString: string;
  readonly eventHubName: string;
  readonly consumerGroup: string;
  /** The name under which this processor owns partitions. */
  readonly ownerId: string;
  readonly store: CheckpointStore;
  readonly hubs: EventHubsOptions;
}

/** What a processor tells of its partitions. */
export interface ProcessorEvents {
  opened(place: PartitionPlace): void;
  /** The next batch of the partition comes when this one has resolved. */
  received(place: PartitionPlace, events: readonly ReceivedEvent[]): Promise<void>;
  closed(place: PartitionPlace, reason: string): void;
  /** Without a place it concerns the whole hub. It goes on trying. */
  failed(error: Error, place?: PartitionPlace): void;
}

const STOLEN = "amqp:link:stolen";
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5000;

/**
 * Reads a hub in a consumer group together with others that do so: owners of partitions are blobs guarded by ETags,
 * readers have epoch 0, positions come from the checkpoints. `EventHubConsumerClient.subscribe` does the same and shares
 * partitions with this; it costs five times as much an event, since it makes objects of all that AMQP can say.
 */
export class HubProcessor {
  readonly #options: ProcessorOptions;
  readonly #events: ProcessorEvents;
  readonly #client: EventHubConsumerClient;
  readonly #running = new Map<string, AbortController>();
  readonly #stopped = new AbortController();
  #connection: Promise<HubConnection> | undefined;
  #balancing: Promise<void> = Promise.resolve();

  constructor(options: ProcessorOptions, events: ProcessorEvents) {
    this.#options = options;
    this.#events = events;
    const { consumerGroup, connectionString, eventHubName } = options;
    this.#client = new EventHubConsumerClient(consumerGroup, connectionString, eventHubName);
  }

  async start(): Promise<void> {
    await this.#giveUp();
    this.#balancing = this.#keepBalance();
  }

  /** Reads no more and leaves the partitions to others; batches in hand go on. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const id of [...this.#running.keys()]) this.#closePartition(id, "Shutdown");
    await this.#connection?.then((connection) => connection.close()).catch(() => {});
    await this.#balancing;
    await this.#giveUp().catch((error) => this.#events.failed(error));
    await this.#client.close();
  }

  /** Remembers that the partition was read up to this event; throws what the store throws. */
  async checkpoint({ partitionId }: PartitionPlace, { offset, sequenceNumber }: ReceivedEvent): Promise<void> {
    await this.#options.store.updateCheckpoint({ ...this.#base, partitionId, offset, sequenceNumber });
  }

  get #base() {
    const { eventHubName, consumerGroup } = this.#options;
    return { fullyQualifiedNamespace: this.#client.fullyQualifiedNamespace, eventHubName, consumerGroup };
  }

  #place(partitionId: string): PartitionPlace {
    return { ...this.#base, partitionId };
  }

  #ownerships(): Promise<PartitionOwnership[]> {
    const { fullyQualifiedNamespace, eventHubName, consumerGroup } = this.#base;
    return this.#options.store.listOwnership(fullyQualifiedNamespace, eventHubName, consumerGroup);
  }

  // Also what a killed process of the same name left behind: it would have to expire first.
  async #giveUp(): Promise<void> {
    const ours = (await this.#ownerships()).filter(({ ownerId }) => ownerId === this.#options.ownerId);
    await this.#options.store.claimOwnership(ours.map((ownership) => ({ ...ownership, ownerId: "" })));
  }

  async #keepBalance(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      try {
        await this.#balance();
      } catch (error) {
        if (!signal.aborted) this.#events.failed(error instanceof Error ? error : new Error(messageOf(error)));
      }
      await sleep(this.#options.hubs.loadBalancingUpdateIntervalMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Renews what is ours, lets go of what is not any more, and claims what should be. */
  async #balance(): Promise<void> {
    const { ownerId, store, hubs } = this.#options;
    const partitionIds = await this.#client.getPartitionIds({ abortSignal: this.#stopped.signal });
    const ownerships = await this.#ownerships();
    const owners = new Map(ownerships.map((ownership) => [ownership.partitionId, ownership]));
    const ours = ownerships.filter((ownership) => ownership.ownerId === ownerId).map(({ partitionId }) => partitionId);
    for (const id of this.#running.keys()) if (!ours.includes(id)) this.#closePartition(id, "OwnershipLost");
    const expiresAfter = hubs.partitionOwnershipExpirationIntervalMs;
    const rules = { ownerId, partitionIds, ownerships, expiresAfter, now: Date.now(), random: Math.random };
    for (const partitionId of new Set([...ours, ...partitionsToClaim(rules)])) {
      if (this.#stopped.signal.aborted) return;
      const etag = owners.get(partitionId)?.etag;
      const claim = { ...this.#place(partitionId), ownerId, ...(etag === undefined ? {} : { etag }) };
      const [claimed] = await store.claimOwnership([claim]);
      if (claimed !== undefined) this.#openPartition(partitionId);
    }
  }

  #openPartition(id: string): void {
    if (this.#running.has(id) || this.#stopped.signal.aborted) return;
    const abort = new AbortController();
    this.#running.set(id, abort);
    this.#events.opened(this.#place(id));
    void this.#run(id, abort.signal);
  }

  #closePartition(id: string, reason: string): void {
    this.#running.get(id)?.abort();
    this.#running.delete(id);
    this.#events.closed(this.#place(id), reason);
  }

  /** Reads a partition until it is closed, whatever happens to the connection. */
  async #run(id: string, signal: AbortSignal): Promise<void> {
    let last: ReceivedEvent | undefined;
    const received = async (events: readonly ReceivedEvent[]) => {
      last = events.at(-1);
      retry = FIRST_RETRY_MS;
      await this.#events.received(this.#place(id), events);
    };
    let retry = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#read(id, last === undefined ? await this.#startOf(id) : after(last.offset), received, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof HubTrouble && error.condition === STOLEN) return this.#closePartition(id, "OwnershipLost");
        this.#events.failed(error instanceof Error ? error : new Error(messageOf(error)), this.#place(id));
        await sleep(retry, undefined, { signal }).catch(() => {});
        retry = Math.min(2 * retry, LAST_RETRY_MS);
      }
    }
  }

  /** Reads until the partition is closed, or throws what ended the reading. */
  async #read(
    id: string,
    filter: string,
    received: (events: readonly ReceivedEvent[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { hubs, eventHubName, consumerGroup, ownerId } = this.#options;
    const { maxEventBatchSize: maxBatchSize } = hubs;
    const prefetch = new Prefetch({ maxBatchSize, prefetchCount: Math.max(hubs.prefetchCount, maxBatchSize) });
    const connection = await this.#connected();
    const address = `${eventHubName}/ConsumerGroups/${consumerGroup}/Partitions/${id}`;
    const receiver = await connection.openReceiver({ address, filter, name: ownerId, onMessage: prefetch.add });
    try {
      prefetch.start(receiver);
      while (!signal.aborted) {
        const events = await prefetch.next();
        if (!signal.aborted) await received(events);
      }
    } finally {
      receiver.close();
    }
  }

  /** The connection that all partitions share, opened anew when it has ended. */
  #connected(): Promise<HubConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const opening = HubConnection.open(this.#options.connectionString);
    this.#connection = opening;
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    opening.then((connection) => {
      if (this.#stopped.signal.aborted) connection.close();
      void connection.ended.then(forget);
    }, forget);
    return opening;
  }

  async #startOf(partitionId: string): Promise<string> {
    const { fullyQualifiedNamespace, eventHubName, consumerGroup } = this.#base;
    const checkpoints = await this.#options.store.listCheckpoints(fullyQualifiedNamespace, eventHubName, consumerGroup);
    const known = checkpoints.find((checkpoint) => checkpoint.partitionId === partitionId);
    return known === undefined ? initialFilter(this.#options.hubs.initialOffset) : after(known.offset);
  }
}

function after(offset: string): string {
  return `amqp.annotation.x-opt-offset > '${offset}'`;
}

function initialFilter(initial: InitialOffset): string {
  if (initial.type === "fromStart") return after("-1");
  if (initial.type === "fromEnd") return after("@latest");
  return `amqp.annotation.x-opt-enqueued-time > '${initial.enqueuedTime.getTime()}'`;
}
