import { NO_WATERMARK } from "../engine/frame.ts";
import type { StageOpening } from "../engine/operator.ts";

/** The bucket of a stage's store in which the stage notes how it was set up; no slice of event time begins there. */
export const NOTES_BUCKET = NO_WATERMARK;

/** A stage's store without what it notes of itself. */
export function withoutNotes(store: StageOpening["store"]): StageOpening["store"] {
  return new Map([...store].filter(([bucket]) => bucket !== NOTES_BUCKET));
}
