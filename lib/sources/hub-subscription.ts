import type { EventHubConsumerClient, EventPosition, ReceivedEventData, Subscription } from "@azure/event-hubs";
import type { World } from "../engine/ports.ts";
import { TidemarkError } from "../errors.ts";
import { hubError } from "./hub-error.ts";

export interface SubscriptionOptions {
  readonly partition: string;
  readonly from: EventPosition;
  /** Events in one chunk. */
  readonly limit: number;
  /** Events that may wait in memory. */
  readonly prefetch: number;
  readonly sleep: World["sleep"];
}

/** How often an open receiver says that nothing came. */
const QUIET_SECONDS = 1;

/** Why a wait for an answer ends early; a reason of our own spares making an error for each chunk. */
const ANSWERED = "answered";

/** Longer than a receiver takes to open, its retries included. */
const PATIENCE_MS = 30_000;

/**
 * One receiver as a pull: `next` gives the next chunk, which is empty when the receiver was open for a second and
 * nothing came. The SDK pushes; it waits with the following chunk until this one is asked for.
 */
export class HubSubscription {
  readonly #hub: string;
  readonly #partition: string;
  readonly #subscription: Subscription;
  readonly #sleep: World["sleep"];
  #waiting: PromiseWithResolvers<readonly ReceivedEventData[]> | undefined;
  #offered: { readonly events: readonly ReceivedEventData[]; readonly taken: () => void } | undefined;
  #failure: TidemarkError | undefined;

  constructor(client: EventHubConsumerClient, { partition, from, limit, prefetch, sleep }: SubscriptionOptions) {
    this.#hub = client.eventHubName;
    this.#partition = partition;
    this.#sleep = sleep;
    this.#subscription = client.subscribe(
      partition,
      {
        processEvents: (events) => this.#offer(events),
        processError: async (error) => this.#fail(hubError(error, this.#hub, partition)),
      },
      {
        startPosition: from,
        maxBatchSize: limit,
        maxWaitTimeInSeconds: QUIET_SECONDS,
        prefetchCount: prefetch,
        skipParsingBodyAsJson: true,
      },
    );
  }

  /** The next chunk; throws what the hub answered, or UNAVAILABLE when it does not answer at all. */
  async next(): Promise<readonly ReceivedEventData[]> {
    if (this.#failure) throw this.#failure;
    if (this.#offered) {
      const { events, taken } = this.#offered;
      this.#offered = undefined;
      taken();
      return events;
    }
    this.#waiting = Promise.withResolvers();
    const answered = new AbortController();
    this.#sleep(PATIENCE_MS, answered.signal).then(
      () => this.#fail(this.#silent()),
      () => undefined,
    );
    try {
      return await this.#waiting.promise;
    } finally {
      answered.abort(ANSWERED);
      this.#waiting = undefined;
    }
  }

  /** Closes the receiver; whoever waits for a chunk gets UNAVAILABLE. */
  async close(): Promise<void> {
    this.#fail(
      new TidemarkError("UNAVAILABLE", `Reading hub "${this.#hub}" was stopped.`, {
        partition: this.#partition,
        retryable: true,
      }),
    );
    await this.#subscription.close();
  }

  #offer(events: readonly ReceivedEventData[]): Promise<void> {
    if (this.#failure) return Promise.resolve();
    if (this.#waiting) {
      this.#waiting.resolve(events);
      this.#waiting = undefined;
      return Promise.resolve();
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#offered = { events, taken: resolve };
    return promise;
  }

  #fail(failure: TidemarkError): void {
    this.#failure ??= failure;
    this.#waiting?.reject(this.#failure);
    this.#offered?.taken();
    this.#offered = undefined;
  }

  #silent(): TidemarkError {
    return new TidemarkError("UNAVAILABLE", `Hub "${this.#hub}" gives no answer to a reader.`, {
      partition: this.#partition,
      retryable: true,
      fix: "Check that the hub is reachable and that the key of the connection string is right.",
    });
  }
}
