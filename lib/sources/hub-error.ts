import { messageOf, TidemarkError } from "../errors.ts";
import { noToken } from "../no-token.ts";

/** Names and codes of Event Hubs errors that another try does not mend. */
const NOT_FOUND = /MessagingEntityNotFound|amqp:not-found|could not be found/i;
const REFUSED = /Unauthorized|InvalidSignature|amqp:unauthorized-access/i;

/** Turns what the Event Hubs SDK threw into NOT_FOUND, CONFIGURATION or a retryable UNAVAILABLE. */
export function hubError(thrown: unknown, hub: string, partition: string): TidemarkError {
  if (thrown instanceof TidemarkError) return thrown;
  const cause =
    thrown instanceof AggregateError && thrown.errors.length > 0 ? (thrown.errors.at(-1) as unknown) : thrown;
  const untold = noToken(`Hub "${hub}"`, cause, partition);
  if (untold) return untold;
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const text = `${code} ${messageOf(cause)}`;
  if (NOT_FOUND.test(text)) {
    return new TidemarkError("NOT_FOUND", `Hub "${hub}", its consumer group or its partition does not exist.`, {
      partition,
      cause,
      fix: "Create what the functions declare; the message of the cause says what is missing.",
    });
  }
  if (REFUSED.test(text)) {
    return new TidemarkError("CONFIGURATION", `Hub "${hub}" refuses the app.`, {
      partition,
      cause,
      fix: "Check the key of the connection string, or the roles of the app's identity on this hub.",
    });
  }
  return new TidemarkError("UNAVAILABLE", `Hub "${hub}" does not answer: ${messageOf(cause).replace(/\.$/, "")}.`, {
    partition,
    cause,
    retryable: true,
  });
}
