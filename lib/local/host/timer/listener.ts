import { parseTimespan } from "../config/timespan.ts";
import type { Executor } from "../executor.ts";
import type { Listener } from "../listener.ts";
import type { FunctionMetadata } from "../protocol.ts";
import type { StatusBoard } from "../status.ts";
import { parseCron, type Schedule } from "./cron.ts";

export interface TimerTrigger {
  readonly func: FunctionMetadata;
  readonly bindingName: string;
  /** NCRONTAB in UTC, or a time span for a fixed interval. */
  readonly schedule: string;
  readonly runOnStartup: boolean;
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Fires a timer function on its schedule; the next run is set only when the last is over. */
export class TimerListener implements Listener {
  readonly #trigger: TimerTrigger;
  readonly #schedule: Schedule;
  readonly #executor: Executor;
  readonly #status: StatusBoard;
  #timer: NodeJS.Timeout | undefined;
  #last: Date | undefined;
  #stopped = new AbortController();

  constructor(trigger: TimerTrigger, executor: Executor, status: StatusBoard) {
    this.#trigger = trigger;
    this.#schedule = scheduleOf(trigger);
    this.#executor = executor;
    this.#status = status;
  }

  async start(): Promise<void> {
    this.#stopped = new AbortController();
    if (this.#trigger.runOnStartup) void this.#fire(this.#schedule.next(new Date()));
    else this.#wait(this.#schedule.next(new Date()));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    clearTimeout(this.#timer);
  }

  #wait(due: Date): void {
    if (this.#stopped.signal.aborted) return;
    const ms = due.getTime() - Date.now();
    // A timeout longer than 24.8 days fires at once, so a long wait is cut into pieces.
    this.#timer =
      ms > MAX_TIMEOUT_MS
        ? setTimeout(() => this.#wait(due), MAX_TIMEOUT_MS)
        : setTimeout(() => void this.#fire(due), Math.max(0, ms));
  }

  async #fire(due: Date): Promise<void> {
    const { func, bindingName } = this.#trigger;
    const next = this.#schedule.next(new Date(Math.max(Date.now(), due.getTime())));
    const info = timerInfo(this.#last, next, due);
    this.#last = new Date();
    const done = this.#status.began(func.name);
    const { error } = await this.#executor.execute({
      func,
      bindingName,
      reason: "Timer fired",
      count: 1,
      retry: true,
      signal: this.#stopped.signal,
      input: () => ({ input: { kind: "typed", data: { json: JSON.stringify(info) } }, triggerMetadata: {} }),
    });
    done(error === undefined);
    this.#wait(this.#schedule.next(new Date()));
  }
}

const PAST_DUE_MS = 1000;

function timerInfo(last: Date | undefined, next: Date, due: Date): object {
  return {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: {
      Last: (last ?? new Date(0)).toISOString(),
      LastUpdated: (last ?? new Date(0)).toISOString(),
      Next: next.toISOString(),
    },
    IsPastDue: Date.now() - due.getTime() > PAST_DUE_MS,
  };
}

function scheduleOf({ schedule }: TimerTrigger): Schedule {
  if (!schedule.includes(":")) return parseCron(schedule);
  const ms = parseTimespan(schedule, "The schedule");
  return { next: (after) => new Date(after.getTime() + Math.max(1, ms)) };
}
