import { isDeepStrictEqual } from "node:util";
import { resetCommand } from "../engine/reset-command.ts";
import { TidemarkError } from "../errors.ts";
import type { PlanShape, StageShape } from "./checkpoint-log.ts";

/** Throws PLAN_CHANGED, naming each stage that changed and how, when state of one shape does not fit another. */
export function assertShapeFits(before: PlanShape, now: PlanShape, partition: string): void {
  const changes = shapeChanges(before, now);
  if (changes.length === 0) return;
  const stage = changes.length === 1 ? changes[0]?.stage : undefined;
  throw new TidemarkError(
    "PLAN_CHANGED",
    `The plan does not fit the state that its checkpoint log holds: ${changes.map((change) => change.how).join("; ")}.`,
    {
      pipeline: now.pipeline,
      partition,
      stage,
      fix: `Undo the change, give the pipeline a new name, or reset the log (${resetCommand(now.pipeline, partition)}) and replay from the hub.`,
    },
  );
}

interface ShapeChange {
  readonly stage: string;
  readonly how: string;
}

function shapeChanges(before: PlanShape, now: PlanShape): ShapeChange[] {
  if (before.pipeline !== now.pipeline) {
    return [{ stage: "", how: `the log belongs to pipeline "${before.pipeline}"` }];
  }
  const old = new Map(before.stages.map((stage) => [stage.stage, stage]));
  const fresh = new Set(now.stages.map((stage) => stage.stage));
  const changes: ShapeChange[] = [];
  for (const { stage } of before.stages) {
    if (!fresh.has(stage)) changes.push({ stage, how: `stage "${stage}" was removed or renamed` });
  }
  for (const stage of now.stages) changes.push(...stageChanges(old.get(stage.stage), stage));
  return changes.length > 0 ? changes : orderChanges(before, now);
}

function stageChanges(before: StageShape | undefined, now: StageShape): ShapeChange[] {
  const { stage } = now;
  if (before === undefined) return [{ stage, how: `stage "${stage}" (${now.kind}) was added` }];
  if (before.kind !== now.kind) {
    return [{ stage, how: `stage "${stage}" was of kind ${before.kind} and is ${now.kind} now` }];
  }
  return valueChanges("", before.parameters, now.parameters).map((change) => ({
    stage,
    how: `stage "${stage}" changed: ${change}`,
  }));
}

function orderChanges(before: PlanShape, now: PlanShape): ShapeChange[] {
  const at = before.stages.findIndex((stage, index) => stage.stage !== now.stages[index]?.stage);
  const moved = before.stages[at];
  return moved === undefined ? [] : [{ stage: moved.stage, how: `stage "${moved.stage}" was moved` }];
}

// Absent and undefined are the same: the log's copy went through a text form.
function valueChanges(path: string, before: unknown, now: unknown): string[] {
  if (isDeepStrictEqual(before, now)) return [];
  if (!isRecord(before) || !isRecord(now))
    return [`${path || "parameters"} was ${text(before)} and is ${text(now)} now`];
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].flatMap((name) => valueChanges(path ? `${path}.${name}` : name, before[name], now[name]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}
