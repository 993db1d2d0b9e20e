import { type InternalSender, messages, types } from "./rhea-internals.ts";
import { FragmentedMessage, Transfers } from "./transfers.ts";

/** A request to `$cbs` or `$management`, as far as these read it. */
export interface Request {
  readonly message_id?: unknown;
  readonly reply_to?: string;
  readonly application_properties?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly description: string;
  /** What the SDK makes an error of; it falls back to one for the status. */
  readonly condition?: string;
  readonly body?: unknown;
}

/** A link over which answers go out, as soon as the peer gives credit. */
export class ReplyLink {
  readonly #link: InternalSender;
  readonly #transfers: Transfers;
  readonly #waiting: FragmentedMessage[] = [];

  constructor(link: InternalSender) {
    this.#link = link;
    this.#transfers = new Transfers(link);
  }

  answer(request: Request, answer: Answer): void {
    const message = messages.encode({
      ...(request.reply_to === undefined ? {} : { to: request.reply_to }),
      // biome-ignore lint/suspicious/noExplicitAny: rhea declares fewer kinds of message id than AMQP has.
      correlation_id: request.message_id as any,
      application_properties: {
        "status-code": types.wrap_int(answer.status),
        "status-description": answer.description,
        ...(answer.condition === undefined ? {} : { "error-condition": types.wrap_symbol(answer.condition) }),
      },
      body: answer.body ?? null,
    });
    this.#waiting.push(new FragmentedMessage(message));
    this.flush();
  }

  /** Sends what credit and window allow. */
  flush(): void {
    const { socket } = this.#link.connection;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      if (!first.write(this.#transfers, (frame) => socket.write(frame))) return;
      this.#waiting.shift();
    }
  }
}
