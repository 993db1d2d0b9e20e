import { setTimeout as wait } from "node:timers/promises";
import type { EventHubConsumerClient, EventPosition } from "@azure/event-hubs";
import type { HubEvent, PartitionBounds, PartitionReader, World } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { ChunkSize } from "./chunk-size.ts";
import { type Limit, readBounds } from "./hub-bounds.ts";
import { hubError } from "./hub-error.ts";
import { toHubEvent } from "./hub-event.ts";
import { HubSubscription } from "./hub-subscription.ts";
import { partitionForKey } from "./partition-key.ts";

export interface EventHubReaderOptions {
  /** A client of the repair consumer group; shared by the readers of all partitions, and never closed here. */
  readonly client: () => Promise<EventHubConsumerClient>;
  readonly partition: string;
  /** How many partitions the hub is declared to have; when absent, any number is right. */
  readonly partitions?: number;
  /** Seconds without an event after which a partition that holds no more has ended; see `read`. Default 5. */
  readonly quietSeconds?: number;
  /** How to wait; default: by the real clock. */
  readonly sleep?: World["sleep"];
  /** When to give up asking what the hub holds; default: by the real clock. */
  readonly limit?: Limit;
}

const realSleep: World["sleep"] = (milliseconds, signal) => wait(milliseconds, undefined, signal ? { signal } : {});

/** Chunks that may wait in memory while one is processed. */
const CHUNKS_AHEAD = 2;

/**
 * Reads one partition beside the trigger, in a consumer group of its own and without an owner level, so that it
 * disturbs nobody. A receiver is open only while something is being read.
 */
export class EventHubReader implements PartitionReader {
  readonly #client: () => Promise<EventHubConsumerClient>;
  readonly #partition: string;
  readonly #partitions: number | undefined;
  readonly #quietSeconds: number;
  readonly #sleep: World["sleep"];
  readonly #limit: Limit | undefined;
  readonly #open = new Set<HubSubscription>();

  constructor({ client, partition, partitions, quietSeconds = 5, sleep = realSleep, limit }: EventHubReaderOptions) {
    this.#client = client;
    this.#partition = partition;
    this.#partitions = partitions;
    this.#quietSeconds = quietSeconds;
    this.#sleep = sleep;
    this.#limit = limit;
  }

  async bounds(): Promise<PartitionBounds> {
    const client = await this.#client();
    const bounds = await readBounds(client, this.#partition, this.#limit);
    if (this.#partitions !== undefined && bounds.partitionCount !== this.#partitions) {
      throw new TidemarkError(
        "CONFIGURATION",
        `Hub "${client.eventHubName}" has ${bounds.partitionCount} partitions and is declared with ${this.#partitions}.`,
        {
          fix:
            "Say in handle(…) how many partitions the hub has. If some were added to a hub that is in use, keys have moved " +
            "between partitions: a pipeline with state will then say how to go on.",
        },
      );
    }
    return bounds;
  }

  partitionOf(key: string, partitions: number): number {
    return partitionForKey(key, partitions);
  }

  async sequenceAt(time: number): Promise<number> {
    const bounds = await this.bounds();
    if (bounds.first === bounds.next || bounds.lastEnqueued < time) return bounds.next;
    // The hub's filter for enqueued times is exclusive and there is none for "at or after".
    const subscription = await this.#subscribe({ enqueuedOn: time - 1 }, 1);
    try {
      for (let quiet = 0; quiet < this.#quietSeconds; quiet++) {
        const event = (await subscription.next()).find((one) => one.enqueuedTimeUtc.getTime() >= time);
        if (event) return event.sequenceNumber;
      }
      throw this.#withheld(`enqueued since ${new Date(time).toISOString()}`);
    } finally {
      await this.#close(subscription);
    }
  }

  /**
   * Whoever takes an early end for holes would lose events, so an end is proven: by an event at or after `to`, or, where
   * the partition ends before, by a receiver that stayed open and quiet for some seconds and a hub that says it holds
   * nothing beyond. Quiet before an event that the hub does hold is UNAVAILABLE.
   */
  async *read(from: number, to: number, limit: number): AsyncGenerator<readonly HubEvent[]> {
    let at = Math.max(from, (await this.bounds()).first);
    if (at >= to) return;
    const size = new ChunkSize(limit);
    const open = () => this.#subscribe({ sequenceNumber: at, isInclusive: true }, size.events, to - at);
    let subscription = await open();
    try {
      for (let quiet = 0; at < to; ) {
        const received = await subscription.next();
        const wanted = received.filter(({ sequenceNumber }) => sequenceNumber >= at && sequenceNumber < to);
        const events = wanted.map(toHubEvent);
        if (events.length > 0) yield events;
        const last = received.at(-1);
        if (last) {
          at = Math.max(at, last.sequenceNumber + 1);
          quiet = 0;
          if (at >= to || !size.learn(events)) continue;
          await this.#close(subscription);
          subscription = await open();
        } else if (await this.#hasEnded(at, to, ++quiet)) return;
      }
    } finally {
      await this.#close(subscription);
    }
  }

  async #hasEnded(at: number, to: number, quiet: number): Promise<boolean> {
    const { first, next } = await this.bounds();
    if (first >= to) return true;
    if (quiet < this.#quietSeconds) return false;
    if (next <= to) return true;
    throw this.#withheld(`from ${at} to ${next - 1}`);
  }

  #withheld(which: string): TidemarkError {
    return new TidemarkError("UNAVAILABLE", `The hub holds events ${which} and does not deliver them.`, {
      partition: this.#partition,
      retryable: true,
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((subscription) => this.#close(subscription)));
  }

  async #subscribe(from: EventPosition, limit: number, wanted = limit): Promise<HubSubscription> {
    const client = await this.#client();
    const prefetch = Math.min(wanted, limit * CHUNKS_AHEAD);
    const options = { partition: this.#partition, from, limit: Math.min(limit, wanted), prefetch, sleep: this.#sleep };
    try {
      const subscription = new HubSubscription(client, options);
      this.#open.add(subscription);
      return subscription;
    } catch (thrown) {
      // The client allows one receiver a partition: an older task of this process may still be reading.
      throw hubError(thrown, client.eventHubName, this.#partition);
    }
  }

  async #close(subscription: HubSubscription): Promise<void> {
    this.#open.delete(subscription);
    await subscription.close();
  }
}
