import type { AmqpError } from "rhea";

/** What a hub said, or what became of the connection to it. */
export class HubTrouble extends Error {
  /** AMQP's name of the condition, such as "amqp:link:stolen". */
  readonly condition: string | undefined;
  /** Trying again would not help: the hub refused what it was given. */
  readonly final: boolean;

  constructor(message: string, condition?: string, final = false) {
    super(message);
    this.name = "HubTrouble";
    this.condition = condition;
    this.final = final;
  }
}

/** The error that an endpoint or an event carries. */
export function troubleOf(source: unknown): HubTrouble {
  const { error } = (source ?? {}) as { readonly error?: AmqpError | Error };
  if (error === undefined) return new HubTrouble("The connection to the hub was closed.");
  if (error instanceof Error) {
    return new HubTrouble(error.message, (error as { readonly condition?: string }).condition);
  }
  return new HubTrouble(error.description ?? error.condition ?? "The hub closed the link.", error.condition);
}
