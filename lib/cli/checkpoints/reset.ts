import { messageOf, TidemarkError } from "../../errors.ts";
import { taskName } from "../../sinks/cosmos/fence.ts";
import type { LogView, Survey } from "./survey.ts";

/** What a reset made of one log. */
export interface ResetOutcome {
  readonly pipeline: string;
  readonly partition: string;
  /** The generation that ended; undefined when it was reset before, or could not be. */
  readonly ended: number | undefined;
  /** The one that follows; undefined when the log could not be reset. */
  readonly next: number | undefined;
  /** Whether an owner has begun it already. */
  readonly begun: boolean;
  readonly trouble: string | undefined;
}

/** Resets logs one after the other; one that cannot be reset keeps none of the others. */
export async function resetLogs(survey: Survey, views: readonly LogView[]): Promise<ResetOutcome[]> {
  const outcomes: ResetOutcome[] = [];
  for (const view of views) outcomes.push(await resetOne(survey, view));
  return outcomes;
}

async function resetOne(survey: Survey, view: LogView): Promise<ResetOutcome> {
  const { pipeline, partition, state } = view;
  const task = { pipeline, partition };
  try {
    // Once is enough: whoever asks again after an answer was lost ends nothing more.
    const ended = state === "reset" ? undefined : await survey.store.reset(task);
    const { generation, begun } = await survey.generationNow(task);
    return { ...task, ended, next: generation, begun, trouble: undefined };
  } catch (thrown) {
    if (!(thrown instanceof TidemarkError)) throw thrown;
    return { ...task, ended: undefined, next: undefined, begun: false, trouble: messageOf(thrown) };
  }
}

/** What became of a log, in a line. */
export function outcomeLine(outcome: ResetOutcome): string {
  const { ended, next, begun, trouble } = outcome;
  const name = taskName(outcome);
  if (trouble !== undefined) return `${name}: not reset. ${trouble}`;
  const before = ended === undefined ? "was reset before" : `generation ${ended} has ended`;
  return `${name}: ${before}; generation ${next} ${begun ? "has begun" : "begins with the next event, wake-up or sweep"}.`;
}
