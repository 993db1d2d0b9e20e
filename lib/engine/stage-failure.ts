import { messageOf, TidemarkError } from "../errors.ts";
import type { ErrorPolicy } from "../stream/on-error.ts";
import type { TaskId, World } from "./ports.ts";

/** What a stage's code threw, where its policy is not to make the event a dead letter now. */
export class StageFailure extends Error {
  readonly stage: string;
  readonly sequenceNumber: number;
  /** How often the event was tried so far, this time included. */
  readonly tries: number;
  readonly retry: ErrorPolicy["retry"];

  constructor(stage: string, sequenceNumber: number, tries: number, policy: ErrorPolicy, cause: unknown) {
    super(messageOf(cause), { cause });
    this.stage = stage;
    this.sequenceNumber = sequenceNumber;
    this.tries = tries;
    this.retry = policy.retry;
  }

  /** Whether the event may be tried again. */
  get again(): boolean {
    return this.retry !== undefined && this.tries < this.retry.attempts;
  }

  /** How long to wait before the next try, in milliseconds: twice as long each time or as asked, half of it by chance. */
  wait(world: World): number {
    if (this.retry === undefined) return 0;
    const { delay, maxDelay, backoff } = this.retry;
    const step = Math.min(maxDelay, delay * backoff ** (this.tries - 1));
    return Math.ceil(step / 2 + (world.random() * step) / 2);
  }

  /** The error that stops the task, `what` having failed. */
  stopped(id: TaskId, what: "event" | "result"): TidemarkError {
    const often = this.tries === 1 ? "" : `, ${this.tries} times`;
    const subject = what === "event" ? "An event" : "A result of a window";
    return new TidemarkError(
      "STAGE_FAILED",
      `${subject} made the stage's code throw${often}, and the stage says to stop: ${this.message}.`,
      {
        ...id,
        stage: this.stage,
        sequenceNumber: this.sequenceNumber,
        fix:
          `Nothing from this ${what} on was committed, and nothing is lost: mend the code, or what it needs, and it is tried again. ` +
          'To set such events aside instead, deploy the stage with onError: "dead-letter".',
        cause: this.cause,
      },
    );
  }
}
