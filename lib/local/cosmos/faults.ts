import { Refusal } from "./refusal.ts";
import type { CosmosRequest } from "./request.ts";

/** A failure to answer with instead of the truth. */
export interface Fault {
  /** The HTTP status, or 0 to cut the connection without an answer. */
  readonly status: number;
  readonly subStatus?: number;
  readonly retryAfterMs?: number;
  /** How many requests it hits; absent: one. */
  readonly times?: number;
  /** Which requests it hits; absent: every one to items. */
  readonly match?: (request: CosmosRequest) => boolean;
  /** Whether the request is carried out all the same, so that only the answer is lost; absent: no. */
  readonly afterwards?: boolean;
}

/** The faults that are waiting for their request. */
export class Faults {
  #waiting: { readonly fault: Fault; left: number }[] = [];

  inject(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 });
  }

  /** The fault for this request, used up by asking. */
  take(request: CosmosRequest): Fault | undefined {
    if (this.#waiting.length === 0) return undefined;
    const found = this.#waiting.find(({ fault }) => (fault.match ?? isAboutItems)(request));
    if (found === undefined) return undefined;
    found.left -= 1;
    if (found.left <= 0) this.#waiting = this.#waiting.filter((each) => each !== found);
    return found.fault;
  }
}

export function refusalOf({ status, subStatus, retryAfterMs }: Fault): Refusal {
  return new Refusal(status, `An injected fault with status ${status}.`, subStatus, retryAfterMs);
}

const isAboutItems = ({ path }: CosmosRequest) => /\/docs(\/|$)/.test(path);
