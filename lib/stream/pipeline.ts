import type { Plan } from "./plan.ts";

/** A finished pipeline: a value that does nothing until a function or a test driver runs it. */
export interface Pipeline {
  readonly name: string;
  readonly plan: Plan;
}
