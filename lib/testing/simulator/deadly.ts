import type { Pipeline } from "../../stream/pipeline.ts";
import type { Plan, StageNode } from "../../stream/plan.ts";

/** How an event or a result ends the process that runs its code: at once, or by a loop until the host has waited long enough. */
export type Death = "memory" | "loop";

type DeathOf = (value: unknown) => Death | undefined;
type Die = (how: Death) => void;

/**
 * The pipeline with user code that ends its process at some events, and behind its window at some results: what `die`
 * ends never hears of anything again.
 */
export function deadlyPipeline({ name, plan }: Pipeline, deathOf: DeathOf, die: Die): Pipeline {
  const { source } = plan;
  const standard = source.schema["~standard"];
  const validate: typeof standard.validate = (value) => {
    const how = deathOf(value);
    if (how !== undefined) die(how);
    return standard.validate(value);
  };
  const schema = { "~standard": { ...standard, validate } };
  const window = plan.stages.findIndex(({ kind }) => kind === "aggregate");
  const stages = plan.stages.map((stage, i) =>
    window >= 0 && i === window + 1 ? deadlyStage(stage, deathOf, die) : stage,
  );
  return { name, plan: { ...plan, source: { ...source, schema }, stages } as Plan };
}

function deadlyStage(stage: StageNode, deathOf: DeathOf, die: Die): StageNode {
  const open: StageNode["open"] = (opening) => {
    const operator = stage.open(opening);
    const process = operator.process.bind(operator);
    operator.process = (value, context) => {
      context.stage = operator.index;
      const how = deathOf(value);
      if (how !== undefined) die(how);
      process(value, context);
    };
    return operator;
  };
  return { ...stage, open };
}
