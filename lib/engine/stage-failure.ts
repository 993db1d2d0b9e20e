import { messageOf, TidemarkError } from "../errors.ts";
import type { ErrorPolicy } from "../stream/on-error.ts";
import { isoText } from "./instant.ts";
import type { Result } from "./operator.ts";
import type { TaskId, World } from "./ports.ts";

/** Where a stage's code threw: at an event, or at a result that a window emitted; then at the event before it. */
export interface FailurePlace {
  readonly stage: string;
  readonly sequenceNumber: number;
  readonly result: Result | undefined;
}

/** What a stage's code threw, where its policy is not to make the event, or the result, a dead letter now. */
export class StageFailure extends Error {
  readonly stage: string;
  readonly sequenceNumber: number;
  readonly result: Result | undefined;
  /** How often it was tried so far, this time included. */
  readonly tries: number;
  readonly retry: ErrorPolicy["retry"];

  constructor(place: FailurePlace, tries: number, policy: ErrorPolicy, cause: unknown) {
    super(messageOf(cause), { cause });
    this.stage = place.stage;
    this.sequenceNumber = place.sequenceNumber;
    this.result = place.result;
    this.tries = tries;
    this.retry = policy.retry;
  }

  /** Whether it may be tried again. */
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

  /** The error that stops the task. */
  stopped(id: TaskId): TidemarkError {
    const often = this.tries === 1 ? "" : `, ${this.tries} times`;
    const { result } = this;
    const what = result === undefined ? "event" : "result";
    const subject = result === undefined ? "An event" : `A result of a window (${describeResult(result)})`;
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

/** A result in words: its stage, its key and its time. */
export function describeResult({ stage, key, timestamp }: Result): string {
  return `"${stage}" for ${JSON.stringify(key)} at ${isoText(timestamp)}`;
}
