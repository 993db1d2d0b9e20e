import { type DequeuedMessageItem, type QueueClient, QueueServiceClient } from "@azure/storage-queue";
import { messageOf } from "../../../errors.ts";
import type { QueuesOptions } from "../config/host-json.ts";
import type { Reporter } from "../events.ts";
import type { Executor } from "../executor.ts";
import type { Listener } from "../listener.ts";
import type { FunctionMetadata } from "../protocol.ts";
import type { StatusBoard } from "../status.ts";
import { queueInput } from "./input.ts";

export interface QueueTrigger {
  readonly func: FunctionMetadata;
  readonly bindingName: string;
  readonly connectionString: string;
  readonly queueName: string;
  readonly binary: boolean;
}

// While a function runs, its message stays hidden this long and is hidden anew at half of it.
const LEASE_MS = 600_000;
const MIN_POLL_MS = 100;

/** Polls one queue for one function; a message that fails too often goes to the poison queue. */
export class QueueListener implements Listener {
  readonly #trigger: QueueTrigger;
  readonly #options: QueuesOptions;
  readonly #executor: Executor;
  readonly #reporter: Reporter;
  readonly #status: StatusBoard;
  readonly #queue: QueueClient;
  readonly #poison: QueueClient;
  #stopped = new AbortController();
  #running = 0;
  #wake: () => void = () => {};
  #loop: Promise<void> = Promise.resolve();

  constructor(
    trigger: QueueTrigger,
    options: QueuesOptions,
    executor: Executor,
    reporter: Reporter,
    status: StatusBoard,
  ) {
    this.#trigger = trigger;
    this.#options = options;
    this.#executor = executor;
    this.#reporter = reporter;
    this.#status = status;
    const service = QueueServiceClient.fromConnectionString(trigger.connectionString);
    this.#queue = service.getQueueClient(trigger.queueName);
    this.#poison = service.getQueueClient(`${trigger.queueName}-poison`);
  }

  async start(): Promise<void> {
    this.#stopped = new AbortController();
    this.#loop = this.#poll(this.#stopped.signal);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    await this.#loop;
  }

  async #poll(signal: AbortSignal): Promise<void> {
    let idleMs = MIN_POLL_MS;
    while (!signal.aborted) {
      // A new batch is fetched only when few of the last are left.
      if (this.#running > this.#options.newBatchSize) {
        await this.#waitFor(undefined);
        continue;
      }
      const messages = await this.#receive();
      for (const message of messages) void this.#handle(message);
      idleMs = messages.length > 0 ? MIN_POLL_MS : Math.min(this.#options.maxPollingIntervalMs, idleMs * 2);
      if (messages.length === 0 && !signal.aborted) await this.#waitFor(idleMs);
    }
  }

  async #receive(): Promise<DequeuedMessageItem[]> {
    try {
      const received = await this.#queue.receiveMessages({
        numberOfMessages: this.#options.batchSize,
        visibilityTimeout: LEASE_MS / 1000,
        abortSignal: this.#stopped.signal,
      });
      return received.receivedMessageItems;
    } catch (error) {
      const missing = (error as { statusCode?: number }).statusCode === 404;
      // A queue that is not there yet is no fault: whoever sends first creates it.
      if (!missing && !this.#stopped.signal.aborted) this.#warn(messageOf(error));
      return [];
    }
  }

  async #handle(message: DequeuedMessageItem): Promise<void> {
    const { func, bindingName, binary, queueName } = this.#trigger;
    const lease = new MessageLease(this.#queue, message);
    const done = this.#status.began(func.name);
    this.#running += 1;
    try {
      const { error } = await this.#executor.execute({
        func,
        bindingName,
        reason: `New queue message detected on '${queueName}'.`,
        count: 1,
        retry: false,
        input: () => queueInput(message, binary, this.#options.messageEncoding),
      });
      done(error === undefined);
      const popReceipt = await lease.end();
      if (error === undefined) await this.#queue.deleteMessage(message.messageId, popReceipt);
      else await this.#failed(message, popReceipt);
    } catch (error) {
      // The message becomes visible again by itself.
      this.#warn(messageOf(error));
    } finally {
      await lease.end();
      this.#running -= 1;
      this.#wake();
    }
  }

  async #failed(message: DequeuedMessageItem, popReceipt: string): Promise<void> {
    const { maxDequeueCount, visibilityTimeoutMs } = this.#options;
    if (message.dequeueCount < maxDequeueCount) {
      const seconds = Math.round(visibilityTimeoutMs / 1000);
      await this.#queue.updateMessage(message.messageId, popReceipt, undefined, seconds);
      return;
    }
    this.#warn(
      `Message has reached MaxDequeueCount of ${maxDequeueCount}. Moving message to queue '${this.#poison.name}'.`,
    );
    await this.#poison.createIfNotExists();
    await this.#poison.sendMessage(message.messageText, { messageTimeToLive: -1 });
    await this.#queue.deleteMessage(message.messageId, popReceipt);
  }

  #waitFor(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #warn(message: string): void {
    const functionName = this.#trigger.func.name;
    this.#reporter.log({ level: "warning", category: "Host.Triggers.Queues", functionName, message });
  }
}

/** Keeps a message hidden while its function runs. */
class MessageLease {
  readonly #timer: NodeJS.Timeout;
  #popReceipt: string;
  #renewal: Promise<void> = Promise.resolve();

  constructor(queue: QueueClient, message: DequeuedMessageItem) {
    this.#popReceipt = message.popReceipt;
    this.#timer = setInterval(() => {
      this.#renewal = this.#renewal
        .then(() => queue.updateMessage(message.messageId, this.#popReceipt, undefined, LEASE_MS / 1000))
        .then(({ popReceipt }) => {
          if (popReceipt !== undefined) this.#popReceipt = popReceipt;
        })
        .catch(() => {});
    }, LEASE_MS / 2);
  }

  /** Ends the renewals and gives the receipt with which the message can be deleted. */
  async end(): Promise<string> {
    clearInterval(this.#timer);
    await this.#renewal;
    return this.#popReceipt;
  }
}
