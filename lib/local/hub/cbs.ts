import type { Answer, Request } from "./replies.ts";
import { signatureProblem } from "./shared-access.ts";

/** Answers a request to `$cbs`: is the token good? `now` is in milliseconds since 1970. */
export function answerTokenRequest(request: Request, now: number): Answer {
  const { operation, type } = request.application_properties ?? {};
  if (operation !== "put-token") {
    return {
      status: 400,
      description: `$cbs knows no operation "${String(operation)}".`,
      condition: "amqp:not-allowed",
    };
  }
  if (type !== "servicebus.windows.net:sastoken") {
    return refused(`Only shared access signatures are verified here, not "${String(type)}".`);
  }
  const problem = signatureProblem(String(request.body), now);
  return problem === undefined ? { status: 202, description: "Accepted" } : refused(problem);
}

/**
 * The service says amqp:unauthorized-access, which the SDK retries for minutes in case the keys are being changed. On
 * one machine they are not, so this condition makes the SDK give up at once and show the description.
 */
function refused(problem: string): Answer {
  return { status: 401, description: `Unauthorized. ${problem}`, condition: "amqp:not-allowed" };
}
