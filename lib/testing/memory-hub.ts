import type { HubEvent, PartitionBounds, PartitionReader } from "../engine/ports.ts";
import { partitionForKey } from "../sources/partition-key.ts";

/** What is published to a partition in memory. */
export interface MemoryEvent {
  readonly body: Uint8Array;
  readonly enqueuedTime: number;
  readonly partitionKey?: string | undefined;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** A hub in memory: partitions that number their events, forget old ones when told, and can be read like real ones. */
export class MemoryHub {
  /** Undefined where a sequence number was never given to an event. */
  readonly #partitions: (HubEvent | undefined)[][];
  readonly #firsts: number[];
  created: number;

  constructor(partitions: number, created: number) {
    this.#partitions = Array.from({ length: partitions }, () => []);
    this.#firsts = Array.from({ length: partitions }, () => 0);
    this.created = created;
  }

  /** Appends to a partition and returns the event with its sequence number. */
  publish(partition: number, { body, enqueuedTime, partitionKey, properties = {} }: MemoryEvent): HubEvent {
    const log = this.#log(partition);
    const event = { sequenceNumber: log.length, enqueuedTime, partitionKey, properties, body };
    log.push(event);
    return event;
  }

  /** Deletes the hub and creates one of the same name; milliseconds since the epoch. */
  recreate(created: number): void {
    this.created = created;
    for (const log of this.#partitions) log.length = 0;
    this.#firsts.fill(0);
  }

  /** More partitions, as an operator adds them to a hub in use; there is no way back. */
  addPartitions(count: number): void {
    for (let i = 0; i < count; i++) {
      this.#partitions.push([]);
      this.#firsts.push(0);
    }
  }

  /** Leaves out sequence numbers, as transactions do. */
  leaveOut(partition: number, count: number): void {
    this.#log(partition).length += count;
  }

  /** Retention: events below a sequence number can no longer be read. */
  expire(partition: number, first: number): void {
    this.#firsts[partition] = Math.max(this.#firsts[partition] ?? 0, first);
  }

  /** Events of a partition from a sequence number on. */
  from(partition: number, sequenceNumber: number): readonly HubEvent[] {
    const from = Math.max(sequenceNumber, this.#firsts[partition] ?? 0);
    return this.#log(partition)
      .slice(from)
      .filter((event) => event !== undefined);
  }

  /** The sequence number that a partition's next event will get. */
  next(partition: number): number {
    return this.#log(partition).length;
  }

  reader(partition: number): PartitionReader {
    const bounds = async (): Promise<PartitionBounds> => ({
      first: this.#firsts[partition] ?? 0,
      next: this.#log(partition).length,
      hubCreated: this.created,
      partitionCount: this.#partitions.length,
      lastEnqueued: this.#log(partition).at(-1)?.enqueuedTime ?? 0,
    });
    return {
      bounds,
      partitionOf: partitionForKey,
      sequenceAt: async (time) => {
        const found = this.from(partition, 0).find(({ enqueuedTime }) => enqueuedTime >= time);
        return found?.sequenceNumber ?? this.next(partition);
      },
      read: async function* (this: MemoryHub, from: number, to: number, limit: number) {
        for (let at = from; at < to; at += limit) {
          const chunk = this.from(partition, at).filter(
            ({ sequenceNumber }) => sequenceNumber < Math.min(at + limit, to),
          );
          if (chunk.length > 0) yield chunk;
        }
      }.bind(this),
      close: async () => undefined,
    };
  }

  #log(partition: number): (HubEvent | undefined)[] {
    const log = this.#partitions[partition];
    if (log === undefined) throw new RangeError(`the hub has no partition ${partition}`);
    return log;
  }
}
