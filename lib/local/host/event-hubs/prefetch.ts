import type { HubReceiver } from "../../hub-client/hub-connection.ts";
import type { HubTrouble } from "../../hub-client/trouble.ts";
import { type ReceivedEvent, readEvent } from "./received-event.ts";

export interface PrefetchOptions {
  readonly maxBatchSize: number;
  /** How many events may wait here, or be on their way. */
  readonly prefetchCount: number;
}

/**
 * Who had to wait for a first event waits so much longer for more. What came while a batch ran is handed out at once,
 * few or many: so does the AMQP library of the real host.
 */
const FILL_MS = 20;

/** Events that a receiver brings before somebody asks for them. They are kept encoded, which takes less memory. */
export class Prefetch {
  readonly #options: PrefetchOptions;
  #waiting: Buffer[] = [];
  #receiver: HubReceiver | undefined;
  #trouble: HubTrouble | undefined;
  #wake: () => void = () => {};

  constructor(options: PrefetchOptions) {
    this.#options = options;
  }

  readonly add = (message: Buffer): void => {
    this.#waiting.push(message);
    const { length } = this.#waiting;
    if (length === 1 || length === this.#options.maxBatchSize) this.#wake();
  };

  /** Asks the receiver for as many events as may wait. */
  start(receiver: HubReceiver): void {
    this.#receiver = receiver;
    receiver.addCredit(this.#options.prefetchCount);
    void receiver.ended.then((trouble) => {
      this.#trouble = trouble;
      this.#wake();
    });
  }

  /** The next batch, full or not; throws HubTrouble when nothing comes any more. */
  async next(): Promise<ReceivedEvent[]> {
    if (this.#waiting.length === 0) {
      while (this.#waiting.length === 0) {
        if (this.#trouble !== undefined) throw this.#trouble;
        await this.#change();
      }
      if (this.#waiting.length < this.#options.maxBatchSize) await this.#change(FILL_MS);
    }
    // What came before the trouble is dropped: it comes again when the partition is opened anew.
    if (this.#trouble !== undefined) throw this.#trouble;
    const batch = this.#waiting.slice(0, this.#options.maxBatchSize);
    this.#waiting = this.#waiting.slice(batch.length);
    this.#receiver?.addCredit(batch.length);
    return batch.map(readEvent);
  }

  /** Resolves when a first event or a full batch has come, when none will, or after some milliseconds. */
  async #change(atMost?: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = atMost === undefined ? undefined : setTimeout(resolve, atMost);
    await promise;
    clearTimeout(timer);
  }
}
