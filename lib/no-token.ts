import { messageOf, TidemarkError } from "./errors.ts";

const NO_TOKEN = /^(CredentialUnavailable|AggregateAuthentication|AuthenticationRequired|Authentication)Error$/;

/**
 * UNAVAILABLE, retryable, when the app's identity got no token, so that `service` was not even asked; undefined for
 * anything else that was thrown.
 */
export function noToken(service: string, thrown: unknown, partition?: string): TidemarkError | undefined {
  const { name } = (thrown ?? {}) as { readonly name?: unknown };
  if (!NO_TOKEN.test(String(name))) return undefined;
  return new TidemarkError(
    "UNAVAILABLE",
    `${service} could not be asked: the app's identity gets no token (${inOneLine(messageOf(thrown))}).`,
    {
      partition,
      retryable: true,
      cause: thrown,
      fix: "Check the identity that the settings name, and its secret if it has one; on your own machine, sign in. Nothing is lost meanwhile, and work goes on by itself.",
    },
  );
}

function inOneLine(text: string): string {
  return text
    .split(/\s*\n\s*/)
    .filter((line) => line !== "")
    .join(" ")
    .replace(/[.,\s]+$/, "");
}
