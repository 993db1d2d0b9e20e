import { messageOf, TidemarkError } from "../errors.ts";
import { noToken } from "../no-token.ts";

/** Turns what an SDK threw while a table was read into NOT_FOUND, CONFIGURATION or a retryable UNAVAILABLE. */
export function tableError(thrown: unknown, what: string, fix: string): TidemarkError {
  if (thrown instanceof TidemarkError) return thrown;
  const untold = noToken(`The ${what} of a table`, thrown);
  if (untold) return untold;
  const { statusCode, code } = (thrown ?? {}) as { readonly statusCode?: unknown; readonly code?: unknown };
  const status = statusCode ?? code;
  if (status === 404)
    return new TidemarkError("NOT_FOUND", `The ${what} of a table does not exist.`, { fix, cause: thrown });
  if (status === 401 || status === 403) {
    return new TidemarkError("CONFIGURATION", `The ${what} of a table must not be read.`, {
      fix: "Check the key of the connection string, or the roles of the app's identity.",
      cause: thrown,
    });
  }
  return new TidemarkError("UNAVAILABLE", `The ${what} of a table cannot be read: ${messageOf(thrown)}.`, {
    retryable: true,
    cause: thrown,
  });
}
