/** What became of one operation. */
export type Outcome =
  | { readonly kind: "done"; readonly etag: string | undefined; readonly document?: unknown }
  /** Create found a document of that id (409). */
  | { readonly kind: "exists" }
  /** Replace found another version than expected (412). */
  | { readonly kind: "changed" }
  /** Replace or read found no document (404): it was deleted or has expired. */
  | { readonly kind: "missing" }
  /** May succeed later; `delay` is the server's own, milliseconds. */
  | { readonly kind: "busy"; readonly delay: number | undefined; readonly cause: unknown }
  /** Will never succeed. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The database or container is not there. */
  | { readonly kind: "gone"; readonly cause: unknown };

const LOGICAL_PARTITION_FULL = 1014;
const OWNER_NOT_FOUND = 1003;
/** A replica that has not caught up with what this client has written: whether the document is there, it does not know. */
const SESSION_NOT_AVAILABLE = 1002;

/** The parts of an answer that decide its outcome, from an operation of a bulk or from an error. */
export interface Answer {
  readonly status: number | undefined;
  readonly substatus?: number | undefined;
  readonly etag?: string | undefined;
  readonly document?: unknown;
  readonly retryAfter?: number | undefined;
  readonly cause?: unknown;
}

/**
 * Sorts an answer. Whatever is not clearly the document's own fault counts as busy: a missing role, an expired
 * credential, a failover or a split end sooner or later, and a document thrown away in between would be lost.
 */
export function outcomeOf(operation: "Create" | "Replace" | "Read", answer: Answer): Outcome {
  const { status, substatus, cause } = answer;
  switch (status) {
    case 200:
    case 201:
    case 204:
      return { kind: "done", etag: answer.etag, document: answer.document };
    case 409:
      return { kind: "exists" };
    case 412:
      return { kind: "changed" };
    case 404:
      if (substatus === SESSION_NOT_AVAILABLE) break;
      return operation === "Create" || substatus === OWNER_NOT_FOUND ? { kind: "gone", cause } : { kind: "missing" };
    case 400:
    case 413:
      return { kind: "refused", reason: reasonOf(status, cause) };
    case 403:
      if (substatus === LOGICAL_PARTITION_FULL) return { kind: "refused", reason: reasonOf(status, cause) };
      break;
  }
  return { kind: "busy", delay: answer.retryAfter, cause: cause ?? new Error(`Cosmos DB answered ${status}.`) };
}

/** What an error of the SDK says; the status is undefined when no answer came. */
export function answerOfError(error: unknown): Answer {
  const { code, substatus, retryAfterInMs } = (error ?? {}) as Record<string, unknown>;
  return {
    status: numberOf(code),
    substatus: numberOf(substatus),
    retryAfter: numberOf(retryAfterInMs),
    cause: error,
  };
}

function numberOf(value: unknown): number | undefined {
  const number = typeof value === "string" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function reasonOf(status: number, cause: unknown): string {
  const said = cause instanceof Error ? cause.message.split("\n", 1)[0] : undefined;
  const known = status === 413 ? "the document is too large" : "the document is not valid";
  return `Cosmos DB answered ${status}: ${said || known}.`;
}
