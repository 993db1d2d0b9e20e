import type { Condition } from "./conditions.ts";

/** A batch that is about to be stored. */
export interface PublishAttempt {
  readonly hub: string;
  readonly partition: number;
  readonly events: number;
}

/** What goes wrong with it. */
export type PublishFault =
  /** It is refused with this condition and not stored. */
  | { readonly reject: Condition }
  /** It, and all behind it on the same link, waits for the promise. */
  | { readonly delay: Promise<unknown> }
  /** The connection breaks, before it is stored or after, in either case before the acknowledgement. */
  | { readonly disconnect: "before" | "after" };

/** What tests may break. */
export interface HubFaults {
  /** Asked before every batch; returns undefined when all goes well. */
  publish: ((attempt: PublishAttempt) => PublishFault | undefined) | undefined;
  /** Breaks all connections as a failing network would; returns how many. */
  dropConnections(): number;
}
