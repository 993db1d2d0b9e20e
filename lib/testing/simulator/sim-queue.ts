import type { QueueServiceClient } from "@azure/storage-queue";
import type { Life } from "./life.ts";
import type { Scheduler } from "./scheduler.ts";

/** A message as whoever took it sees it. */
export interface TakenMessage {
  readonly messageId: string;
  readonly messageText: string;
  readonly dequeueCount: number;
  readonly popReceipt: string;
}

interface Stored {
  readonly messageId: string;
  readonly messageText: string;
  /** Milliseconds since the epoch. */
  visibleAt: number;
  readonly expiresAt: number;
  dequeueCount: number;
  popReceipt: string;
}

interface SendOptions {
  readonly visibilityTimeout?: number;
  readonly messageTimeToLive?: number;
}

const SECOND = 1_000;
const WEEK_SECONDS = 7 * 86_400;
const LOCK_SECONDS = 30;

/** A storage queue of the simulated service: messages that are hidden for a while, and come back when nobody deletes them. */
export class SimQueue {
  readonly name: string;
  exists = false;
  /** Called when a message was added or hidden, with the time at which it can be seen. */
  onVisible: (time: number) => void = () => undefined;
  readonly #scheduler: Scheduler;
  #messages: Stored[] = [];
  #drawn = 0;

  constructor(scheduler: Scheduler, name: string) {
    this.#scheduler = scheduler;
    this.name = name;
  }

  get length(): number {
    return this.#messages.length;
  }

  send(messageText: string, { visibilityTimeout = 0, messageTimeToLive = WEEK_SECONDS }: SendOptions = {}): void {
    this.#mustExist();
    const { now } = this.#scheduler;
    const message = {
      messageId: `m${++this.#drawn}`,
      messageText,
      visibleAt: now + visibilityTimeout * SECOND,
      expiresAt: messageTimeToLive < 0 ? Number.POSITIVE_INFINITY : now + messageTimeToLive * SECOND,
      dequeueCount: 0,
      popReceipt: "",
    };
    this.#messages.push(message);
    this.onVisible(message.visibleAt);
  }

  /** Takes messages that can be seen, and hides them. */
  receive(most: number, hiddenSeconds: number): readonly TakenMessage[] {
    this.#mustExist();
    const { now } = this.#scheduler;
    this.#messages = this.#messages.filter(({ expiresAt }) => expiresAt > now);
    const visible = this.#messages
      .filter(({ visibleAt }) => visibleAt <= now)
      .sort((a, b) => a.visibleAt - b.visibleAt)
      .slice(0, most);
    for (const message of visible) {
      message.dequeueCount++;
      this.#hide(message, hiddenSeconds);
    }
    return visible.map(({ messageId, messageText, dequeueCount, popReceipt }) => {
      return { messageId, messageText, dequeueCount, popReceipt };
    });
  }

  /** Hides a message that was taken for so many seconds from now. */
  update(messageId: string, popReceipt: string, seconds: number): void {
    this.#hide(this.#taken(messageId, popReceipt), seconds);
  }

  delete(messageId: string, popReceipt: string): void {
    const message = this.#taken(messageId, popReceipt);
    this.#messages = this.#messages.filter((one) => one !== message);
  }

  /** Something that services do not promise not to do: a message vanishes, comes twice, later or at once. */
  spoil(how: "drop" | "twice" | "delay" | "early", value: number): boolean {
    const message = this.#messages[Math.floor(value * this.#messages.length)];
    if (message === undefined) return false;
    const { now } = this.#scheduler;
    if (how === "drop") this.#messages = this.#messages.filter((one) => one !== message);
    else if (how === "twice") this.#messages.push({ ...message, messageId: `m${++this.#drawn}`, popReceipt: "" });
    else message.visibleAt = how === "early" ? now : Math.max(now, message.visibleAt) + 300_000 * value;
    if (how !== "drop") this.onVisible(message.visibleAt);
    return true;
  }

  /** A client as one process has it: what the app sends with, and what its host takes messages with. */
  client(life: Life): QueueServiceClient {
    const call = <T>(label: string, land: () => T): Promise<T> =>
      life.call({ service: "queue", label, changes: true, fail: noAnswer }, land);
    const queue = {
      createIfNotExists: () =>
        call("queue", () => {
          this.exists = true;
        }),
      sendMessage: (text: string, options?: SendOptions) => call("message", () => this.send(text, options)),
      receiveMessages: ({ numberOfMessages = 1, visibilityTimeout = LOCK_SECONDS }: ReceiveOptions = {}) =>
        call("messages", () => ({ receivedMessageItems: this.receive(numberOfMessages, visibilityTimeout) })),
      updateMessage: (id: string, receipt: string, _text?: string, seconds = 0) =>
        call("hide", () => {
          this.update(id, receipt, seconds);
          return { popReceipt: this.#messages.find(({ messageId }) => messageId === id)?.popReceipt };
        }),
      deleteMessage: (id: string, receipt: string) => call("delete", () => this.delete(id, receipt)),
    };
    return { getQueueClient: () => queue } as unknown as QueueServiceClient;
  }

  #hide(message: Stored, seconds: number): void {
    message.visibleAt = this.#scheduler.now + seconds * SECOND;
    message.popReceipt = `r${++this.#drawn}`;
    this.onVisible(message.visibleAt);
  }

  #taken(id: string, receipt: string): Stored {
    this.#mustExist();
    const message = this.#messages.find(({ messageId }) => messageId === id);
    if (message === undefined) throw failure(404, "MessageNotFound");
    if (message.popReceipt !== receipt) throw failure(400, "PopReceiptMismatch");
    return message;
  }

  #mustExist(): void {
    if (!this.exists) throw failure(404, "QueueNotFound");
  }
}

interface ReceiveOptions {
  readonly numberOfMessages?: number;
  readonly visibilityTimeout?: number;
}

function failure(statusCode: number, code: string): Error {
  return Object.assign(new Error(code), { statusCode, code });
}

function noAnswer(): Error {
  return Object.assign(new Error("no answer"), { code: "REQUEST_SEND_ERROR" });
}
