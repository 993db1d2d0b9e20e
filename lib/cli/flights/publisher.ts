import { MARKER_PROPERTY } from "../../engine/headers.ts";
import type { BulkSender } from "../../local/hub-client/bulk-sender.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import type { FlightMessage } from "./noise.ts";

/** Events in a batch: large enough to be cheap. */
const BATCH_EVENTS = 1000;

/**
 * Publishes messages to the partition that the service would choose for their key, in order within each partition.
 *
 * A batch that leaves the choice to the service may hold one key only, a few events here, and batches of different keys
 * would overtake each other. So each batch names its partition, and each event carries its key, as the buffered producer
 * of the .NET SDK does it.
 */
export class Publisher {
  readonly #sender: BulkSender;
  readonly #lanes: Lane[];
  readonly #keys = new Map<string, number>();

  /** `skipped` says how many messages of each partition to leave out because the hub has them already. */
  constructor(sender: BulkSender, partitions: number, skipped: readonly number[] = []) {
    this.#sender = sender;
    this.#lanes = Array.from(
      { length: partitions },
      (_, partition) => new Lane(sender, String(partition), skipped[partition] ?? 0),
    );
  }

  /**
   * Takes a message into its partition's batch; the promise, if any, must be awaited before the next message. Answers
   * "there" for one that the hub has already.
   */
  add(message: FlightMessage): Promise<void> | "there" | undefined {
    const lane = this.#lanes[this.#partitionOf(message.partitionKey)] as Lane;
    return lane.skips() ? "there" : lane.add(message);
  }

  /** Sends what is waiting and resolves when everything is accepted. */
  async flush(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.flush()));
  }

  /** Ends the stream: a marker to each partition says that no earlier event time follows. */
  async end(): Promise<void> {
    await this.flush();
    const marker = { body: Buffer.alloc(0), properties: { [MARKER_PROPERTY]: "end" } };
    await Promise.all(this.#lanes.map(({ partitionId }) => this.#sender.send(partitionId, [marker])));
  }

  #partitionOf(key: string): number {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const partition = partitionForKey(key, this.#lanes.length);
    this.#keys.set(key, partition);
    return partition;
  }
}

/** One partition's way: batches leave one after the other, and one may be filled while another is on its way. */
class Lane {
  readonly partitionId: string;
  readonly #sender: BulkSender;
  #skip: number;
  #waiting: FlightMessage[] = [];
  #sending: Promise<void> = Promise.resolve();
  #underway = 0;

  constructor(sender: BulkSender, partitionId: string, skip: number) {
    this.#sender = sender;
    this.partitionId = partitionId;
    this.#skip = skip;
  }

  /** Whether the next message is one that the hub has already; it is then left out. */
  skips(): boolean {
    if (this.#skip === 0) return false;
    this.#skip--;
    return true;
  }

  add(message: FlightMessage): Promise<void> | undefined {
    this.#waiting.push(message);
    if (this.#waiting.length < BATCH_EVENTS) return undefined;
    const before = this.#sending;
    this.#send();
    return this.#underway > 1 ? before : undefined;
  }

  async flush(): Promise<void> {
    if (this.#waiting.length > 0) this.#send();
    await this.#sending;
  }

  #send(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    this.#underway++;
    this.#sending = this.#sending.then(async () => {
      await this.#sender.send(this.partitionId, messages);
      this.#underway--;
    });
    // Whoever awaits the lane sees the failure; without a handler it would end the process first.
    this.#sending.catch(() => {});
  }
}
