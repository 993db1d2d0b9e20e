import type { InvocationContext, StorageQueueFunctionOptions, TimerFunctionOptions } from "@azure/functions";
import { TidemarkError } from "../errors.ts";
import { type Duration, formatDuration, milliseconds } from "../stream/duration.ts";
import { answerMessage } from "./answer-message.ts";
import { callerOf } from "./caller.ts";
import { registerQueue, registerTimer } from "./registry.ts";
import { runtime } from "./runtime.ts";

export interface WakeUpsOptions {
  /** The setting, or prefix of settings, of the storage account that holds the queue. Default "TidemarkStorage". */
  readonly connection?: string;
  /** Default "tidemark-wake-ups". Created when it is missing. */
  readonly queueName?: string;
}

/**
 * Lets windows close although no event comes and no instance runs, for pipelines with `idle`: each asks through this
 * queue to be woken in time. Throws PLAN_INVALID when the app has such a function already.
 * @example
 * app.storageQueue("wake-ups", wakeUps());
 */
export function wakeUps(options: WakeUpsOptions = {}): StorageQueueFunctionOptions {
  const { connection = "TidemarkStorage", queueName = "tidemark-wake-ups" } = options;
  registerQueue({ name: queueName, connection, purpose: "wake-ups", place: `wakeUps(…) at ${callerOf(wakeUps)}` });
  const handler = (entry: unknown, context: InvocationContext) => {
    const answer = () => runtime.wake(entry, context);
    return answerMessage(answer, context.triggerMetadata?.dequeueCount, (why) => context.error(why));
  };
  return { connection, queueName, handler };
}

export interface SweepOptions {
  /** How often: a whole number of seconds, minutes or hours that divides the next greater unit. Default "5m". */
  readonly every?: Duration;
}

/**
 * Looks after every partition of every pipeline, also at the start: reads what the trigger's host has skipped, commits
 * and delivers what a lost instance left behind, and makes good for wake-ups that were lost. Throws PLAN_INVALID when
 * the app has such a function already, or for an interval that no schedule can say.
 * @example
 * app.timer("sweep", sweep());
 */
export function sweep({ every = "5m" }: SweepOptions = {}): TimerFunctionOptions {
  const schedule = scheduleOf(milliseconds(every, "every"));
  registerTimer({ purpose: "sweep", schedule, place: `sweep(…) at ${callerOf(sweep)}` });
  return {
    schedule,
    runOnStartup: true,
    handler: (_timer: unknown, context: InvocationContext) => runtime.sweep(context),
  };
}

const SECOND = 1_000;

/** The six fields of a schedule, from seconds to weekdays. */
function scheduleOf(every: number): string {
  const units = [
    { length: SECOND, of: 60, text: (n: number) => `*/${n} * * * * *` },
    { length: 60 * SECOND, of: 60, text: (n: number) => `0 */${n} * * * *` },
    { length: 3_600 * SECOND, of: 24, text: (n: number) => `0 0 */${n} * * *` },
  ];
  for (const { length, of, text } of units) {
    const count = every / length;
    if (Number.isInteger(count) && count > 0 && count < of && of % count === 0) return text(count);
  }
  throw new TidemarkError("PLAN_INVALID", `A sweep cannot come every ${formatDuration(every)}.`, {
    fix: 'Choose a part of a minute, an hour or a day, such as "30s", "5m" or "1h".',
  });
}
