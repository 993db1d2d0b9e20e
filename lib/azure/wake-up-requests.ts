import type { QueueServiceClient } from "@azure/storage-queue";
import type { World } from "../engine/ports.ts";
import { formatWakeUp, type WakeUp } from "./wake-up.ts";

/** The queue lets a message wait for seven days at most; who is woken too early asks once more. */
const LONGEST_DELAY_MS = 7 * 86_400_000 - 60_000;

/** How long a message that nobody reads is kept after its time. */
const KEPT_SECONDS = 7 * 86_400;

export interface WakeUpRequestsOptions {
  readonly world: World;
  readonly client: () => Promise<QueueServiceClient>;
  readonly queue: string;
  /** Milliseconds by which a message comes after its time: a live owner has done the work by then. */
  readonly headStart: number;
  readonly onTrouble: (thrown: unknown) => void;
}

/** Sends wake-ups to their queue. A message that cannot be sent is only reported: the sweep does without. */
export class WakeUpRequests {
  readonly #options: WakeUpRequestsOptions;
  /** When the message comes that this process has sent last, by task. */
  readonly #sent = new Map<string, number>();

  constructor(options: WakeUpRequestsOptions) {
    this.#options = options;
  }

  /**
   * Asks for a wake-up at a time by the clock, in milliseconds since the epoch. While one is under way that comes in
   * time there is no need for another, so chains of messages do not multiply. Resolves to when the message comes: whoever
   * answers it does not ask again where the owner works, so the owner must ask from then on.
   */
  async ask(wakeUp: WakeUp, time: number): Promise<number> {
    const { world, onTrouble } = this.#options;
    const task = `${wakeUp.function}/${wakeUp.partition}`;
    const known = this.#sent.get(task);
    if (known !== undefined && known > world.now() && known <= time) return known;
    const comes = Math.min(time, world.now() + LONGEST_DELAY_MS);
    this.#sent.set(task, comes);
    try {
      await this.#send(wakeUp, time);
    } catch (thrown) {
      this.#sent.delete(task);
      onTrouble(thrown);
    }
    return comes;
  }

  async #send(wakeUp: WakeUp, time: number): Promise<void> {
    const { world, client, queue, headStart } = this.#options;
    const delay = Math.min(Math.max(0, time + headStart - world.now()), LONGEST_DELAY_MS);
    const seconds = Math.ceil(delay / 1000);
    const options = { visibilityTimeout: seconds, messageTimeToLive: seconds + KEPT_SECONDS };
    const target = (await client()).getQueueClient(queue);
    const text = formatWakeUp(wakeUp);
    try {
      await target.sendMessage(text, options);
    } catch (thrown) {
      if ((thrown as { statusCode?: unknown }).statusCode !== 404) throw thrown;
      await target.createIfNotExists();
      await target.sendMessage(text, options);
    }
  }
}
