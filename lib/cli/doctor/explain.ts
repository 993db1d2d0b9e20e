import { messageOf } from "../../errors.ts";
import { type Finding, problem, unknown } from "./check.ts";

interface Failure {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly statusCode?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** An error and its causes, the attempts of one that was retried included. */
function chainOf(thrown: unknown): Failure[] {
  const chain: Failure[] = [];
  for (let inner = thrown; inner !== undefined && inner !== null && chain.length < 6; ) {
    const failure = inner as Failure;
    chain.push(failure);
    inner = failure.errors?.at(-1) ?? failure.cause;
  }
  return chain;
}

/** Everything that an error and its causes call themselves, in lower case. */
function wordsOf(chain: readonly Failure[]): string {
  const words = chain.flatMap((one) => [one.code, one.name, one.statusCode, messageOf(one)]);
  return words.join(" ").toLowerCase();
}

/**
 * Why something could not be looked at, in one sentence: which host, which right, or what is missing.
 * `what` names the thing, `host` where it is, `right` what one needs to look at it.
 */
export function explain(thrown: unknown, what: string, host: string, right: string): Finding {
  const chain = chainOf(thrown);
  const words = wordsOf(chain);
  // Whole words: "QueueNotFound" is an answer of a host that is known.
  if (/\benotfound\b|\beai_again\b|getaddrinfo/.test(words)) {
    return problem(
      `${what}: the name ${host} is not known here.`,
      "Check the setting; inside a VNet, check its private DNS zone and link.",
    );
  }
  if (/econnrefused|econnreset|socket hang up/.test(words)) {
    return problem(
      `${what}: ${host} refuses connections.`,
      "Start the service (locally: npm run services), or open the way to it.",
    );
  }
  if (
    /credentialunavailable|chainedtokencredential|authenticationrequired|failed to retrieve a token|could not be refreshed/.test(
      words,
    )
  ) {
    return unknown(
      `${what}: nobody is signed in here.`,
      "Sign in with `az login`, or run the doctor where the app's identity is.",
    );
  }
  if (/\b401\b|\b403\b|unauthorized|forbidden|authorizationfailed|authorizationpermissionmismatch/.test(words)) {
    return unknown(`${what}: you may not look at it.`, `It takes ${right}, and a network that ${host} lets in.`);
  }
  if (/\b404\b|notfound|messagingentitynotfound/.test(words)) {
    return problem(`${what} does not exist on ${host}.`, "Deploy the infrastructure: azd provision.");
  }
  if (/timed? ?out|etimedout|operationtimeout|aborterror|ehostunreach|enetunreach/.test(words)) {
    return problem(
      `${what}: ${host} does not answer.`,
      "Check firewalls, security groups and whether this machine is inside the VNet.",
    );
  }
  const message = chain.map(messageOf).find((text) => text.trim() !== "") ?? "it failed and does not say why";
  return problem(`${what}: ${message.split("\n")[0]}`, `Look at ${host}.`);
}
