import { messageOf } from "../errors.ts";
import { type Duration, milliseconds } from "./duration.ts";

/**
 * What becomes of an event when a stage's code throws: "dead-letter" (default) sets it aside and goes on; "stop" holds
 * the partition before it until the code, or what it needs, was mended; `retry` tries it again first.
 */
export type OnError = Verdict | RetryThen;

export type Verdict = "dead-letter" | "stop";

export interface RetryThen {
  readonly retry: Retry;
  /** When the last try has failed; default "dead-letter". */
  readonly otherwise?: Verdict;
}

/** How an event is tried again. Its partition waits meanwhile, so that order holds; other partitions go on. */
export interface Retry {
  /** How often an event is tried in all, the first time included: 2 to 1,000. */
  readonly attempts: number;
  /** How long to wait before the second try: 1 millisecond to a day. Half of each wait is left to chance. */
  readonly delay: Duration;
  /** The longest wait, up to a day; default "1m", or the delay where that is longer. */
  readonly maxDelay?: Duration;
  /** How many times longer each wait is than the one before: 1 to 10; default 2. */
  readonly backoff?: number;
}

/** Options that every stage with code of yours has. */
export interface StageOptions {
  /** What becomes of an event when the stage's code throws; default "dead-letter". */
  readonly onError?: OnError | undefined;
}

/** An error policy as the engine runs it; times in milliseconds. */
export interface ErrorPolicy {
  readonly retry: Required<Record<keyof Retry, number>> | undefined;
  readonly otherwise: Verdict;
}

const MOST_ATTEMPTS = 1_000;
const LONGEST_DELAY_MS = 86_400_000;
const DEFAULT_MAX_DELAY_MS = 60_000;

/** The policy of a stage; undefined for the default, which has no path of its own. Call it for checked options only. */
export function policyOf(onError: OnError | undefined): ErrorPolicy | undefined {
  if (onError === undefined || onError === "dead-letter") return undefined;
  if (onError === "stop") return { retry: undefined, otherwise: "stop" };
  const { retry, otherwise = "dead-letter" } = onError;
  const delay = milliseconds(retry.delay, "delay");
  const maxDelay = milliseconds(retry.maxDelay ?? Math.max(delay, DEFAULT_MAX_DELAY_MS), "maxDelay");
  return { retry: { attempts: retry.attempts, delay, maxDelay, backoff: retry.backoff ?? 2 }, otherwise };
}

/** All that is wrong with what a stage says in `onError`. */
export function onErrorProblems(stage: string, onError: unknown): string[] {
  if (onError === undefined || isVerdict(onError)) return [];
  const { retry, otherwise, ...others } = (typeof onError === "object" && onError !== null ? onError : {}) as RetryThen;
  if (typeof retry !== "object" || retry === null) {
    return [`onError of ${stage} is ${text(onError)}, not "dead-letter", "stop" or { retry: … }`];
  }
  const { attempts, delay, maxDelay, backoff, ...more } = retry;
  const problems = [...Object.keys(others), ...Object.keys(more)].map((name) => `there is no option ${name}`);
  if (otherwise !== undefined && !isVerdict(otherwise))
    problems.push(`otherwise is ${text(otherwise)}, not "dead-letter" or "stop"`);
  if (!(Number.isInteger(attempts) && attempts >= 2 && attempts <= MOST_ATTEMPTS)) {
    problems.push(`attempts is ${text(attempts)}, not a whole number from 2 to ${MOST_ATTEMPTS}`);
  }
  if (backoff !== undefined && !(typeof backoff === "number" && backoff >= 1 && backoff <= 10)) {
    problems.push(`backoff is ${text(backoff)}, not a number from 1 to 10`);
  }
  problems.push(...delayProblems("delay", delay));
  if (maxDelay !== undefined) problems.push(...delayProblems("maxDelay", maxDelay));
  if (problems.length === 0 && maxDelay !== undefined && length(maxDelay) < length(delay)) {
    problems.push(`maxDelay ${text(maxDelay)} is shorter than delay ${text(delay)}`);
  }
  return problems.map((problem) => `onError of ${stage}: ${problem}`);
}

function delayProblems(name: string, delay: Duration): string[] {
  try {
    const value = length(delay);
    return value >= 1 && value <= LONGEST_DELAY_MS ? [] : [`${name} is ${text(delay)}, not 1 millisecond to a day`];
  } catch (thrown) {
    return [messageOf(thrown)];
  }
}

function length(delay: Duration): number {
  return milliseconds(delay, "delay");
}

function isVerdict(value: unknown): value is Verdict {
  return value === "dead-letter" || value === "stop";
}

function text(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
