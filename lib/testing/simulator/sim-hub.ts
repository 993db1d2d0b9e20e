import type {
  EventData,
  EventDataBatch,
  EventHubConsumerClient,
  EventHubProducerClient,
  ReceivedEventData,
  SubscribeOptions,
  Subscription,
  SubscriptionEventHandlers,
} from "@azure/event-hubs";
import { MARKER_PROPERTY } from "../../engine/headers.ts";
import type { HubEvent } from "../../engine/ports.ts";
import type { Mishap, Service } from "./faults.ts";
import type { Life } from "./life.ts";
import type { Scheduler } from "./scheduler.ts";

export interface SimHubOptions {
  readonly name: string;
  readonly partitions: number;
  /** The largest batch and message, bytes of body and properties. */
  readonly maxBytes: number;
}

const NONE: ReadonlySet<number> = new Set();

/** What a message takes beside its body, about. */
const MESSAGE_OVERHEAD = 24;

/** One hub of the simulated service: what is in it survives every process. */
export class SimHub {
  readonly name: string;
  partitions: number;
  readonly maxBytes: number;
  readonly created: number;
  /** When somebody last learned what each partition holds. */
  readonly asked: number[] = [];
  readonly #scheduler: Scheduler;
  readonly #log: HubEvent[][];
  /** Numbers that no event has, for partitions that have some. */
  readonly #holes = new Map<number, Set<number>>();
  readonly #first: number[];
  readonly #next: number[];
  readonly #catching = new Map<number, number>();
  readonly #waiting: Set<() => void>[];

  constructor(scheduler: Scheduler, { name, partitions, maxBytes }: SimHubOptions) {
    this.name = name;
    this.partitions = partitions;
    this.maxBytes = maxBytes;
    this.created = scheduler.now;
    this.#scheduler = scheduler;
    this.#log = Array.from({ length: partitions }, () => []);
    this.#first = Array.from({ length: partitions }, () => 0);
    this.#next = Array.from({ length: partitions }, () => 0);
    this.#waiting = Array.from({ length: partitions }, () => new Set());
  }

  publish(partition: number, event: Omit<HubEvent, "sequenceNumber" | "enqueuedTime">): void {
    const log = this.#log[partition] as HubEvent[];
    const sequenceNumber = this.next(partition);
    log.push({ ...event, sequenceNumber, enqueuedTime: this.#scheduler.now });
    this.#next[partition] = sequenceNumber + 1;
    this.#scheduler.trace(this.name, sequenceNumber + 1);
    const waiting = this.#waiting[partition] as Set<() => void>;
    for (const wake of waiting) wake();
    waiting.clear();
  }

  /** Gives so many numbers to no event, as the markers of transactions take some. */
  leaveOut(partition: number, numbers: number): void {
    const holes = this.#holes.get(partition) ?? new Set();
    this.#holes.set(partition, holes);
    const next = this.next(partition);
    for (let i = 0; i < numbers; i++) holes.add(next + i);
    this.#next[partition] = next + numbers;
  }

  /** Numbers that no event ever had. */
  holes(partition: number): ReadonlySet<number> {
    return this.#holes.get(partition) ?? NONE;
  }

  /** Adds partitions: keys move from now on. */
  grow(partitions: number): void {
    for (; this.partitions < partitions; this.partitions++) {
      this.#log.push([]);
      this.#first.push(0);
      this.#next.push(0);
      this.#waiting.push(new Set());
    }
  }

  /** Calls back once when the next event is published to a partition. */
  onPublish(partition: number, wake: () => void): void {
    this.#waiting[partition]?.add(wake);
  }

  /** All that was ever published, also what retention has removed. */
  history(partition: number): readonly HubEvent[] {
    return this.#log[partition] as HubEvent[];
  }

  /** At most `limit` events from a sequence number on. */
  from(partition: number, sequenceNumber: number, limit: number): readonly HubEvent[] {
    const from = Math.max(sequenceNumber, this.first(partition));
    const log = this.history(partition);
    // Without holes, an event stands where its number says.
    const at = this.#holes.has(partition) ? log.findIndex((event) => event.sequenceNumber >= from) : from;
    return at < 0 ? [] : log.slice(at, at + limit);
  }

  first(partition: number): number {
    return this.#first[partition] as number;
  }

  next(partition: number): number {
    return this.#next[partition] as number;
  }

  /** Retention removes what is below a sequence number; not the marker that ends the events, or nothing would. */
  expire(partition: number, first: number): void {
    const last = this.history(partition).at(-1);
    const ended = last?.properties[MARKER_PROPERTY] !== undefined;
    const end = ended ? last.sequenceNumber : this.next(partition);
    this.#first[partition] = Math.max(this.first(partition), Math.min(first, end));
  }

  /** Retention catches up with the next reader of a partition: so many events from where it reads on are gone. */
  expireUnderReader(partition: number, events: number): void {
    this.#catching.set(partition, events);
  }

  /** What a receiver gets that has come to a sequence number. */
  receive(partition: number, sequenceNumber: number, limit: number): readonly HubEvent[] {
    const events = this.#catching.get(partition);
    if (events !== undefined && sequenceNumber < this.next(partition)) {
      this.#catching.delete(partition);
      this.expire(partition, sequenceNumber + events);
    }
    return this.from(partition, sequenceNumber, limit);
  }

  /** A producer as one process has it: exactly the calls that the hub sink makes. */
  producer(life: Life): EventHubProducerClient {
    // A batch needs to know how large the service lets it be: it says so when a link opens, and every failure ends that.
    const linked = new Set<number>();
    const client: Pick<
      EventHubProducerClient,
      "eventHubName" | "createBatch" | "sendBatch" | "getEventHubProperties" | "getPartitionProperties"
    > = {
      ...this.#properties(life, "hub"),
      createBatch: async (options = {}) => {
        const partition = Number(options.partitionId);
        const signal = signalOf(options.abortSignal);
        const make = (): EventDataBatch => new SimBatch(partition, this.maxBytes) as unknown as EventDataBatch;
        if (linked.has(partition)) return make();
        const batch = await life.call({ service: "hub", label: "link", changes: false, fail: busy, signal }, make);
        linked.add(partition);
        return batch;
      },
      sendBatch: (batch, options = {}) => {
        const { partition, events } = batch as unknown as SimBatch;
        const signal = signalOf(options.abortSignal);
        const fail = (mishap: Mishap): unknown => {
          linked.delete(partition);
          return busy(mishap);
        };
        return life.call({ service: "hub", label: "send", changes: true, fail, signal }, () => {
          for (const event of events) this.publish(partition, toStored(event));
        });
      },
    };
    return client as EventHubProducerClient;
  }

  /** A consumer as one process has it: exactly the calls that the partition reader makes. */
  consumer(life: Life): EventHubConsumerClient {
    const client: Pick<
      EventHubConsumerClient,
      "eventHubName" | "getEventHubProperties" | "getPartitionProperties" | "subscribe"
    > = {
      ...this.#properties(life, "reader"),
      subscribe: (...parameters: unknown[]) => {
        const [partition, handlers, options] = parameters as [string, SubscriptionEventHandlers, SubscribeOptions];
        return new SimSubscription(this, life, Number(partition), handlers, options);
      },
    };
    return client as EventHubConsumerClient;
  }

  #properties(life: Life, service: Service): HubProperties {
    return {
      eventHubName: this.name,
      getEventHubProperties: () =>
        life.call({ service, label: "hub", changes: false, fail: busy }, () => this.#hubProperties()),
      getPartitionProperties: (partition) =>
        life.call({ service, label: "partition", changes: false, fail: busy }, () =>
          this.#partitionProperties(partition),
        ),
    };
  }

  #hubProperties(): Awaited<ReturnType<EventHubConsumerClient["getEventHubProperties"]>> {
    const partitionIds = Array.from({ length: this.partitions }, (_, partition) => String(partition));
    return { name: this.name, createdOn: new Date(this.created), partitionIds, isGeoDrEnabled: false };
  }

  #partitionProperties(partition: string): Awaited<ReturnType<EventHubConsumerClient["getPartitionProperties"]>> {
    const log = this.history(Number(partition));
    this.asked[Number(partition)] = this.#scheduler.now;
    const first = this.first(Number(partition));
    const next = this.next(Number(partition));
    return {
      eventHubName: this.name,
      partitionId: partition,
      beginningSequenceNumber: first,
      lastEnqueuedSequenceNumber: next - 1,
      lastEnqueuedOffset: String(next - 1),
      lastEnqueuedOnUtc: new Date(log.at(-1)?.enqueuedTime ?? 0),
      isEmpty: first === next,
    };
  }
}

type HubProperties = Pick<EventHubConsumerClient, "eventHubName" | "getEventHubProperties" | "getPartitionProperties">;

/** A batch of the SDK's kind: takes events for as long as they fit. */
class SimBatch {
  readonly events: EventData[] = [];
  readonly maxSizeInBytes: number;
  readonly partition: number;
  #bytes = 0;

  constructor(partition: number, maxBytes: number) {
    this.partition = partition;
    this.maxSizeInBytes = maxBytes;
  }

  get count(): number {
    return this.events.length;
  }

  tryAdd(event: EventData): boolean {
    const bytes = (event.body as Uint8Array).length + MESSAGE_OVERHEAD;
    if (this.#bytes + bytes > this.maxSizeInBytes) return false;
    this.#bytes += bytes;
    this.events.push(event);
    return true;
  }
}

/** A receiver that pushes; like the SDK's, it waits until a chunk was taken before it gives the next. */
class SimSubscription implements Subscription {
  isRunning = true;
  readonly #hub: SimHub;
  readonly #life: Life;
  readonly #partition: number;
  readonly #handlers: SubscriptionEventHandlers;
  readonly #limit: number;
  readonly #quietMs: number;
  #at: number;

  constructor(
    hub: SimHub,
    life: Life,
    partition: number,
    handlers: SubscriptionEventHandlers,
    options: SubscribeOptions,
  ) {
    this.#hub = hub;
    this.#life = life;
    this.#partition = partition;
    this.#handlers = handlers;
    this.#limit = options.maxBatchSize ?? 1;
    this.#quietMs = 1_000 * (options.maxWaitTimeInSeconds ?? 60);
    this.#at = this.#startOf(options.startPosition as Position);
    // Opens a link: what is missing by then is missing.
    this.#soon(() => void this.#receive());
  }

  async close(): Promise<void> {
    this.isRunning = false;
  }

  #startOf(position: Position): number {
    const { sequenceNumber, enqueuedOn, isInclusive } = position;
    if (sequenceNumber !== undefined) return isInclusive ? sequenceNumber : sequenceNumber + 1;
    const after = this.#hub.history(this.#partition).find((event) => event.enqueuedTime > Number(enqueuedOn));
    return after?.sequenceNumber ?? this.#hub.next(this.#partition);
  }

  async #receive(): Promise<void> {
    if (!this.isRunning) return;
    let events: readonly HubEvent[];
    try {
      events = await this.#life.call({ service: "reader", label: "receive", changes: false, fail: busy }, () =>
        this.#hub.receive(this.#partition, this.#at, this.#limit),
      );
    } catch (error) {
      if (this.#isQuiet(error)) this.#soon(() => void this.#give([]), this.#quietMs);
      else await this.#handlers.processError(error as Error, {} as never);
      return;
    }
    if (events.length > 0) await this.#give(events);
    else this.#soon(() => void this.#give(this.#hub.from(this.#partition, this.#at, this.#limit)), this.#quietMs);
  }

  /** The service's "receiver is there, but nothing comes". */
  #isQuiet(error: unknown): boolean {
    return (error as { readonly quiet?: boolean }).quiet === true;
  }

  async #give(events: readonly HubEvent[]): Promise<void> {
    if (!this.isRunning) return;
    const last = events.at(-1);
    if (last !== undefined) this.#at = last.sequenceNumber + 1;
    await this.#handlers.processEvents(events.map(toReceived), {} as never);
    this.#soon(() => void this.#receive());
  }

  #soon(run: () => void, milliseconds = 2): void {
    this.#life.after("subscription", milliseconds, run);
  }
}

interface Position {
  readonly sequenceNumber?: number;
  readonly isInclusive?: boolean;
  readonly enqueuedOn?: number | Date;
}

function toStored(event: EventData): Omit<HubEvent, "sequenceNumber" | "enqueuedTime"> {
  return {
    body: Buffer.from(event.body as Uint8Array),
    properties: { ...event.properties },
    partitionKey: undefined,
  };
}

function toReceived(event: HubEvent): ReceivedEventData {
  return {
    body: event.body,
    sequenceNumber: event.sequenceNumber,
    enqueuedTimeUtc: new Date(event.enqueuedTime),
    partitionKey: event.partitionKey ?? null,
    offset: String(event.sequenceNumber),
    getRawAmqpMessage: () => ({ bodyType: "data", body: event.body, applicationProperties: event.properties }),
  } as unknown as ReceivedEventData;
}

function busy(mishap: string): Error {
  const error = new Error(`The service is busy (${mishap}).`);
  return Object.assign(error, {
    name: "MessagingError",
    code: "ServerBusyError",
    retryable: true,
    quiet: mishap === "quiet",
  });
}

function signalOf(signal: unknown): AbortSignal | undefined {
  return signal as AbortSignal | undefined;
}
