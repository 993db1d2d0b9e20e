import type { AmqpError, Delivery, EventContext, Sender } from "rhea";
import { HubTrouble } from "./trouble.ts";

const SMALLEST_LIMIT_BYTES = 256 * 1024;

/** An open link that sends to one partition. */
export class SenderLink {
  readonly #link: Sender;
  /** Who waits for the hub's answer to a delivery. */
  readonly #answers = new Map<Delivery, PromiseWithResolvers<void>>();
  #room: PromiseWithResolvers<void> | undefined;
  #trouble: HubTrouble | undefined;

  /** `ended` resolves with the reason when the link is no more. */
  constructor(link: Sender, ended: Promise<HubTrouble>) {
    this.#link = link;
    link.on("accepted", ({ delivery }: EventContext) => this.#answers.get(delivery as Delivery)?.resolve());
    for (const event of ["rejected", "released", "modified"]) {
      link.on(event, ({ delivery }: EventContext) => {
        this.#answers.get(delivery as Delivery)?.reject(refusalOf(delivery));
      });
    }
    link.on("sendable", () => this.#room?.resolve());
    void ended.then((trouble) => {
      this.#trouble = trouble;
      this.#room?.reject(trouble);
      for (const answer of this.#answers.values()) answer.reject(trouble);
    });
  }

  /** The most that the hub takes in one message. */
  get maxMessageBytes(): number {
    return this.#link.max_message_size || SMALLEST_LIMIT_BYTES;
  }

  /** Resolves when the hub has taken the message; throws HubTrouble. */
  async send(message: Buffer, format: number): Promise<void> {
    while (!this.#link.sendable()) {
      if (this.#trouble !== undefined) throw this.#trouble;
      this.#room ??= Promise.withResolvers<void>();
      await this.#room.promise;
      this.#room = undefined;
    }
    if (this.#trouble !== undefined) throw this.#trouble;
    const answer = Promise.withResolvers<void>();
    const delivery = this.#link.send(message, undefined, format);
    this.#answers.set(delivery, answer);
    try {
      await answer.promise;
    } finally {
      this.#answers.delete(delivery);
    }
  }
}

/** Why the hub did not take a message. */
function refusalOf(delivery: Delivery | undefined): HubTrouble {
  const { error } = (delivery?.remote_state ?? {}) as { readonly error?: AmqpError };
  return new HubTrouble(error?.description ?? "The hub refused a message.", error?.condition, true);
}
