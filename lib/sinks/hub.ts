import type { FrameStamp } from "../engine/frame.ts";
import type { DeliveryReport, RecordMeta, Sink, SinkContext, SinkTask } from "../engine/sink.ts";
import { TidemarkError } from "../errors.ts";
import { partitionForKey } from "../sources/partition-key.ts";
import type { HubMessage } from "./hub/message.ts";
import { PartitionSender } from "./hub/partition-sender.ts";
import { Sequences } from "./hub/sequences.ts";

export interface HubSinkOptions<T> {
  /** The setting that holds the connection. Default "EventHubConnection". */
  readonly connection?: string;
  readonly eventHubName: string;
  /** How many partitions the hub has; checked against the hub itself. Default 4. */
  readonly partitions?: number;
  /** The partition key: events of equal key go to one partition, in order. */
  readonly key: (value: T) => string;
}

/** Standard tier's limit of one message, and what headers and the AMQP envelope take of it at most. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
const ENVELOPE_BYTES = 2048;
const MAX_BODY_BYTES = MAX_MESSAGE_BYTES - ENVELOPE_BYTES;

/**
 * Sends values to an event hub as JSON, each with a header from which Tidemark readers drop what was delivered twice.
 * Other readers see the events and may see some of them again after a crash.
 */
export function toHub<T>(options: HubSinkOptions<T>): Sink<T> {
  const { connection = "EventHubConnection", eventHubName, partitions = 4, key } = options;
  if (!Number.isSafeInteger(partitions) || partitions < 1) {
    throw new TidemarkError("CONFIGURATION", `Hub ${eventHubName} cannot have ${partitions} partitions.`);
  }
  return {
    kind: "eventHub",
    name: `hub:${eventHubName}`,
    target: { kind: "eventHub", connection, eventHub: eventHubName, partitions },
    open: async (context) => {
      await checkPartitions(context, connection, eventHubName, partitions);
      const producer = await context.connections.eventHubProducer(connection, eventHubName);
      const { world, tasks: producers } = context;
      const senders = Array.from(
        { length: partitions },
        (_, target) => new PartitionSender({ world, producer, eventHub: eventHubName, producers }, target),
      );
      return new HubSinkTask(key, senders, new Sequences(partitions, context.state));
    },
  };
}

interface Prepared {
  readonly target: number;
  readonly watermark: number;
  readonly key: string;
  readonly body: Uint8Array;
}

class HubSinkTask<T> implements SinkTask<T> {
  readonly #key: (value: T) => string;
  readonly #senders: readonly PartitionSender[];
  readonly #sequences: Sequences;

  constructor(key: (value: T) => string, senders: readonly PartitionSender[], sequences: Sequences) {
    this.#key = key;
    this.#senders = senders;
    this.#sequences = sequences;
  }

  prepare(value: T, { watermark }: RecordMeta): Prepared {
    const key = this.#key(value);
    if (typeof key !== "string") throw refuse(`The key of a hub event must be a string, not ${typeof key}.`);
    const text = JSON.stringify(value);
    if (text === undefined) throw refuse(`A ${typeof value} is no JSON value.`);
    const body = Buffer.from(text);
    if (body.length > MAX_BODY_BYTES) {
      throw refuse(`The event takes ${body.length} bytes; the hub's limit leaves it ${MAX_BODY_BYTES}.`);
    }
    return { target: partitionForKey(key, this.#senders.length), watermark, key, body };
  }

  accept(prepared: unknown): HubMessage {
    const { target, watermark, key, body } = prepared as Prepared;
    return [target, this.#sequences.next(target), watermark, key, body];
  }

  /** Every target that was told less gets the watermark alone: its reader waits for all producers. */
  closeFrame(watermark: number): readonly HubMessage[] {
    return this.#sequences
      .behind(watermark)
      .map((target) => [target, this.#sequences.tell(target, watermark), watermark, null, null]);
  }

  changes(): readonly unknown[] {
    return this.#sequences.changes();
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal): Promise<DeliveryReport> {
    const byTarget = new Map<number, HubMessage[]>();
    for (const message of messages as readonly HubMessage[]) {
      const list = byTarget.get(message[0]);
      if (list === undefined) byTarget.set(message[0], [message]);
      else list.push(message);
    }
    const sends = [...byTarget].map(([target, list]) => this.#sender(target).send(list, stamp, signal));
    // All targets come to rest before an error goes up, so that nothing is in flight when the frame is tried again.
    const settled = await Promise.allSettled(sends);
    const failed = settled.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    return { refused: settled.flatMap((result) => (result.status === "fulfilled" ? result.value : [])) };
  }

  async close(): Promise<void> {}

  #sender(target: number): PartitionSender {
    const sender = this.#senders[target];
    if (sender !== undefined) return sender;
    throw new TidemarkError(
      "CONFIGURATION",
      `An undelivered message is for partition ${target}, which the hub has not.`,
      {
        fix: `Declare at least ${target + 1} partitions.`,
      },
    );
  }
}

async function checkPartitions(
  { connections }: SinkContext,
  connection: string,
  eventHub: string,
  declared: number,
): Promise<void> {
  const { partitionCount } = await connections.hubBounds(connection, eventHub, "0");
  if (partitionCount === declared) return;
  throw new TidemarkError(
    "CONFIGURATION",
    `Hub ${eventHub} has ${partitionCount} partitions, toHub says partitions: ${declared}. A key's partition depends on it.`,
    { fix: `Write partitions: ${partitionCount}, or create the hub with ${declared}.` },
  );
}

function refuse(what: string): TidemarkError {
  return new TidemarkError("SINK_REFUSED", what);
}
