import { setTimeout as sleep } from "node:timers/promises";
import { BATCH_FORMAT, BatchEncoder, type OutgoingEvent } from "./batch-encoding.ts";
import { HubConnection } from "./hub-connection.ts";
import type { SenderLink } from "./sender-link.ts";
import { HubTrouble } from "./trouble.ts";

/** One partition's link. */
interface Lane {
  readonly sender: SenderLink;
  readonly encoder: BatchEncoder;
}

const FIRST_RETRY_MS = 200;
const MOST_RETRIES = 8;

/** Publishes many events to chosen partitions of a hub with little effort for each. */
export class BulkSender {
  readonly #connectionString: string;
  readonly #hub: string;
  readonly #lanes = new Map<string, Promise<Lane>>();
  #connection: Promise<HubConnection> | undefined;
  #closed = false;

  constructor(connectionString: string, hub: string) {
    this.#connectionString = connectionString;
    this.#hub = hub;
  }

  /**
   * Resolves when the hub has taken all events; calls for one partition must wait for each other to keep their order.
   * What the hub may not have got is sent again, so that an event may be there twice after trouble. Throws HubTrouble,
   * and LIMIT_EXCEEDED for an event that is too large.
   */
  async send(partition: string, events: readonly OutgoingEvent[]): Promise<void> {
    let pending: Buffer[] | undefined;
    for (let retry = 0; ; retry++) {
      try {
        const { sender, encoder } = await this.#lane(partition);
        pending ??= [...encoder.encode(events)];
        for (let batch = pending[0]; batch !== undefined; batch = pending[0]) {
          await sender.send(batch, BATCH_FORMAT);
          pending.shift();
        }
        return;
      } catch (error) {
        if (!(error instanceof HubTrouble) || error.final || this.#closed || retry >= MOST_RETRIES) throw error;
        this.#lanes.delete(partition);
        await sleep(FIRST_RETRY_MS * 2 ** Math.min(retry, 5));
      }
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    (await this.#connection?.catch(() => undefined))?.close();
  }

  #lane(partition: string): Promise<Lane> {
    const known = this.#lanes.get(partition);
    if (known !== undefined) return known;
    const lane = this.#openLane(partition);
    this.#lanes.set(partition, lane);
    lane.catch(() => this.#lanes.delete(partition));
    return lane;
  }

  async #openLane(partition: string): Promise<Lane> {
    const connection = await this.#connected();
    const sender = await connection.openSender(`${this.#hub}/Partitions/${partition}`);
    return { sender, encoder: new BatchEncoder(sender.maxMessageBytes) };
  }

  #connected(): Promise<HubConnection> {
    if (this.#connection !== undefined) return this.#connection;
    const opening = HubConnection.open(this.#connectionString);
    this.#connection = opening;
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    opening.then((connection) => connection.ended.then(forget), forget);
    return opening;
  }
}
