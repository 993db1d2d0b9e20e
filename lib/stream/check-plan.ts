import { TidemarkError } from "../errors.ts";
import { onErrorProblems } from "./on-error.ts";
import type { Plan } from "./plan.ts";

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;
const RESERVED = new Set(["source", "to"]);

/** Refuses a plan that could not run; throws PLAN_INVALID with every problem at once. */
export function checkPlan(plan: Plan): Plan {
  const problems: string[] = [];
  if (!NAME.test(plan.name)) {
    problems.push(
      `the pipeline's name ${JSON.stringify(plan.name)} must be a letter, then up to 62 letters, digits, - or _`,
    );
  }
  const names = [...plan.stages.map(({ name }) => name), ...plan.sinks.map(({ name }) => name)];
  for (const [index, name] of names.entries()) {
    if (name === "" || name.startsWith("$") || RESERVED.has(name))
      problems.push(`the name ${JSON.stringify(name)} is reserved`);
    if (names.indexOf(name) !== index) problems.push(`two stages or sinks are named "${name}": a name keys the state`);
  }
  problems.push(...policyProblems(plan));
  if (plan.sinks.length === 0) problems.push("there is no sink: results would go nowhere");
  if (problems.length === 0) return plan;
  throw new TidemarkError("PLAN_INVALID", `Pipeline "${plan.name}" cannot run: ${problems.join("; ")}.`, {
    fix: "Mend all of it; of names, remember that they key the state: choose them once, and keep them.",
  });
}

/** What is wrong with the error policies of the source and the stages. */
function policyProblems({ source, stages }: Plan): string[] {
  const problems = onErrorProblems("the source", source.onError);
  for (const { name, onError } of stages) problems.push(...onErrorProblems(`"${name}"`, onError));
  return problems;
}
