import type { EventDataBatch, EventHubProducerClient } from "@azure/event-hubs";
import { type FrameStamp, NO_WATERMARK } from "../../engine/frame.ts";
import type { World } from "../../engine/ports.ts";
import { TidemarkError } from "../../errors.ts";
import { backOff, unavailable } from "../backoff.ts";
import { lightBatch } from "./light-batch.ts";
import { type HubMessage, toEventData } from "./message.ts";

export interface SenderContext {
  readonly world: World;
  readonly producer: EventHubProducerClient;
  readonly eventHub: string;
  /** How many tasks feed the hub. */
  readonly producers: number;
}

/** Why a wait is over; a reason of our own spares making an error for each send. */
const ENDED = "ended";

export interface RefusedMessage {
  readonly message: HubMessage;
  readonly reason: string;
}

/** How long opening the link and sending may take before it is tried again; what arrives twice, readers drop. */
const ATTEMPT_MS = 6_000;

/**
 * One task's way to one target partition. Messages go strictly one batch after the other: the next is sent only when
 * the service has taken the one before, because a reader drops what arrives behind a higher sequence.
 */
export class PartitionSender {
  readonly #context: SenderContext;
  readonly #target: string;
  /** The last sequence that the service took from this sender, and of which generation. */
  #taken: { readonly generation: number; readonly sequence: number } | undefined;
  /** What was refused of the newest frame: told again when another target makes that frame be delivered again. */
  #refused: RefusedMessage[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(context: SenderContext, target: number) {
    this.#context = context;
    this.#target = String(target);
  }

  /** Sends one frame's messages for this target, after everything given to it before. */
  send(messages: readonly HubMessage[], stamp: FrameStamp, signal: AbortSignal): Promise<readonly RefusedMessage[]> {
    const sent = this.#last.then(() => this.#sendAll(messages, stamp, signal));
    this.#last = sent.catch(() => {});
    return sent;
  }

  async #sendAll(
    messages: readonly HubMessage[],
    stamp: FrameStamp,
    signal: AbortSignal,
  ): Promise<readonly RefusedMessage[]> {
    const [, first] = messages[0] as HubMessage;
    this.#refused = this.#refused.filter(({ message: [, sequence] }) => sequence >= first);
    let at = this.#firstOpen(messages, stamp);
    const { world } = this.#context;
    let trouble: unknown;
    let since = world.now();
    for (let attempt = 0; at < messages.length; ) {
      try {
        signal.throwIfAborted();
        const { next, tooLarge } = await this.#inTime(signal, async (attemptSignal) => {
          const filled = await this.#fill(messages, at, stamp, attemptSignal);
          attemptSignal.throwIfAborted();
          await this.#context.producer.sendBatch(filled.batch, { abortSignal: attemptSignal });
          return filled;
        });
        this.#refused.push(...tooLarge);
        this.#taken = { generation: stamp.generation, sequence: (messages[next - 1] as HubMessage)[1] };
        at = next;
        attempt = 0;
        since = world.now();
      } catch (error) {
        if (error instanceof TidemarkError) throw error;
        if (isMissing(error)) throw this.#missing(error);
        if (!signal.aborted) trouble = error;
        await this.#pause(attempt++, since, trouble, signal);
      }
    }
    return [...this.#refused];
  }

  /** The first message that this sender has not sent; throws SEQUENCE_GAP when one before it was never given to it. */
  #firstOpen(messages: readonly HubMessage[], stamp: FrameStamp): number {
    if (this.#taken?.generation !== stamp.generation) {
      const [, sequence] = messages[0] as HubMessage;
      this.#taken = { generation: stamp.generation, sequence: sequence - 1 };
    }
    const taken = this.#taken;
    const open = messages.findIndex(([, sequence]) => sequence > taken.sequence);
    if (open < 0) return messages.length;
    const sequence = (messages[open] as HubMessage)[1];
    if (sequence === taken.sequence + 1) return open;
    throw new TidemarkError(
      "SEQUENCE_GAP",
      `Partition ${this.#target} of hub ${this.#context.eventHub} took message ${taken.sequence}, and the next to send is ${sequence}.`,
      { fix: "Deliver every frame in order, an unfinished one again before the next." },
    );
  }

  /** Fills a batch from message `at` on. A message that is too large even alone leaves a control message in its place. */
  async #fill(messages: readonly HubMessage[], at: number, stamp: FrameStamp, signal: AbortSignal): Promise<Filled> {
    const { producer, producers } = this.#context;
    const batch = lightBatch(await producer.createBatch({ partitionId: this.#target, abortSignal: signal }));
    const tooLarge: RefusedMessage[] = [];
    let next = at;
    for (; next < messages.length; next++) {
      const message = messages[next] as HubMessage;
      if (batch.tryAdd(toEventData(message, stamp, producers))) continue;
      if (batch.count > 0) break;
      tooLarge.push({ message, reason: `The hub takes at most ${batch.maxSizeInBytes} bytes a message.` });
      const [target, sequence] = message;
      // It only keeps the sequence dense: an event's watermark is no promise to its reader.
      batch.tryAdd(toEventData([target, sequence, NO_WATERMARK, null, null], stamp, producers));
    }
    return { batch, next, tooLarge };
  }

  /** The SDK does not notice that a connection broke under it: it waits for its own, much longer time-out. */
  async #inTime<R>(signal: AbortSignal, attempt: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const ending = new AbortController();
    const over = new AbortController();
    const ended = Promise.withResolvers<never>();
    const end = (reason: unknown): void => {
      ending.abort(reason);
      ended.reject(reason);
    };
    this.#context.world.sleep(ATTEMPT_MS, over.signal).then(
      () => end(new Error(`No answer within ${ATTEMPT_MS} ms.`)),
      () => {},
    );
    // Not AbortSignal.any: its signals are never collected while somebody listens.
    const stop = (): void => end(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([attempt(ending.signal), ended.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
      over.abort(ENDED);
    }
  }

  async #pause(attempt: number, since: number, trouble: unknown, signal: AbortSignal): Promise<void> {
    try {
      signal.throwIfAborted();
      await backOff(this.#context.world, attempt, undefined, signal, since);
    } catch {
      throw unavailable(`Event hub ${this.#context.eventHub}`, trouble);
    }
  }

  #missing(cause: unknown): TidemarkError {
    return new TidemarkError("NOT_FOUND", `There is no event hub ${this.#context.eventHub}.`, {
      fix: "Create it, or correct eventHubName.",
      cause,
    });
  }
}

interface Filled {
  readonly batch: EventDataBatch;
  readonly next: number;
  readonly tooLarge: readonly RefusedMessage[];
}

function isMissing(error: unknown): boolean {
  return (error as { readonly code?: unknown } | null)?.code === "MessagingEntityNotFoundError";
}
