import { messageOf, TidemarkError } from "../../errors.ts";
import { internalError, tooLarge, undecodable } from "./conditions.ts";
import type { PublishTarget } from "./entities.ts";
import {
  batchFormat,
  type IncomingMessages,
  readBatch,
  readSingle,
  storedOverhead,
  writeStored,
} from "./incoming-message.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { Peer } from "./peer.ts";
import type { IncomingContext, InternalReceiver } from "./rhea-internals.ts";

const creditWindow = 1000;

/** A client's sending link: stores what comes and acknowledges it. */
export class Publisher {
  readonly #link: InternalReceiver;
  readonly #target: PublishTarget;
  readonly #peer: Peer;
  /** Settles when the batches that a fault delays are through; later ones queue behind them. */
  #delayed: Promise<void> | undefined;

  constructor(link: InternalReceiver, target: PublishTarget, peer: Peer) {
    this.#link = link;
    this.#target = target;
    this.#peer = peer;
    link.on("message", (context: IncomingContext) => this.#receive(context));
    link.add_credit(creditWindow);
  }

  #receive(context: IncomingContext): void {
    if (this.#link.credit <= creditWindow / 2) this.#link.add_credit(creditWindow - this.#link.credit);
    if (this.#delayed !== undefined) this.#delayed = this.#delayed.then(() => this.#publish(context));
    else this.#publish(context);
  }

  #publish({ message, delivery, format }: IncomingContext): void {
    const limit = this.#peer.context.maxMessageBytes;
    const bytes = message as Buffer;
    if (bytes.length > limit) {
      delivery.reject(tooLarge(delivery.id, bytes.length, limit));
      return;
    }
    try {
      const incoming = format === batchFormat ? readBatch(bytes) : readSingle(bytes);
      this.#store(incoming, delivery);
    } catch (error) {
      const decoding = error instanceof TidemarkError && error.code === "DECODE_FAILED";
      delivery.reject(decoding ? undecodable(error.message) : internalError(messageOf(error)));
    }
  }

  #store(incoming: IncomingMessages, delivery: IncomingContext["delivery"]): void {
    const { hub } = this.#target;
    const { hubs, faults } = this.#peer.context;
    const partition = this.#target.partition ?? hubs.choosePartition(hub, incoming.partitionKey);
    const append = () => this.#append(hub.partitions[partition] as PartitionLog, incoming);
    const fault = faults.publish?.({ hub: hub.name, partition, events: incoming.bounds.length / 2 });
    if (fault === undefined) {
      append();
      delivery.accept();
    } else if ("reject" in fault) {
      delivery.reject(fault.reject);
    } else if ("disconnect" in fault) {
      if (fault.disconnect === "after") append();
      this.#peer.drop();
    } else {
      this.#delay(fault.delay, () => {
        append();
        delivery.accept();
      });
    }
  }

  #append(log: PartitionLog, { bytes, bounds }: IncomingMessages): void {
    const events = bounds.length / 2;
    log.append(events, bytes.length + events * storedOverhead, (target, at, i) =>
      writeStored(bytes, bounds[i * 2] as number, bounds[i * 2 + 1] as number, target, at),
    );
    this.#peer.context.counters.eventsIn += events;
    this.#peer.context.counters.bytesIn += bytes.length;
  }

  #delay(until: Promise<unknown>, then: () => void): void {
    const through = until
      .catch(() => undefined)
      .then(() => {
        if (!this.#peer.closed) then();
        if (this.#delayed === through) this.#delayed = undefined;
      });
    this.#delayed = through;
  }
}
