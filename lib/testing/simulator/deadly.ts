import type { Pipeline } from "../../stream/pipeline.ts";
import type { Plan } from "../../stream/plan.ts";

/** How an event ends the process that runs its code: at once, or by a loop until the host has waited long enough. */
export type Death = "memory" | "loop";

/** The pipeline with user code that ends its process at some events: what `die` ends never hears of anything again. */
export function deadlyPipeline(
  { name, plan }: Pipeline,
  deathOf: (value: unknown) => Death | undefined,
  die: (how: Death) => void,
): Pipeline {
  const { source } = plan;
  const standard = source.schema["~standard"];
  const validate: typeof standard.validate = (value) => {
    const how = deathOf(value);
    if (how !== undefined) die(how);
    return standard.validate(value);
  };
  const schema = { "~standard": { ...standard, validate } };
  return { name, plan: { ...plan, source: { ...source, schema } } as Plan };
}
