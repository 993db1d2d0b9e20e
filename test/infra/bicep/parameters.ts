import { BicepError, type Expression, type Output, type Parameter, type TypeName } from "./syntax.ts";
import type { Json } from "./values.ts";

/** Checks a value against the declared type and the limits that the decorators set. */
export function checkArgument(file: string, declaration: Parameter | Output, type: TypeName, value: Json): void {
  const wrong = (message: string): never => {
    throw new BicepError(file, declaration.line, `"${declaration.name}" ${message}`);
  };
  if (!hasType(type, value)) wrong(`must be ${type.base}${type.list ? "[]" : ""}, not ${JSON.stringify(value)}`);
  for (const { name, args } of declaration.decorators) {
    const limit = args[0] === undefined ? undefined : literal(args[0]);
    if (name === "allowed" && !(limit as Json[]).includes(value)) wrong(`may not be ${JSON.stringify(value)}`);
    if (typeof limit !== "number") continue;
    if (name === "minValue" && (value as number) < limit) wrong(`must be at least ${limit}`);
    if (name === "maxValue" && (value as number) > limit) wrong(`must be at most ${limit}`);
    if (name === "minLength" && sizeOf(value) < limit) wrong(`must have at least ${limit} characters or items`);
    if (name === "maxLength" && sizeOf(value) > limit) wrong(`must have at most ${limit} characters or items`);
  }
}

function hasType(type: TypeName, value: Json): boolean {
  if (type.list) return Array.isArray(value) && value.every((item) => hasType({ base: type.base, list: false }, item));
  switch (type.base) {
    case "string":
      return typeof value === "string";
    case "int":
      return typeof value === "number" && Number.isInteger(value);
    case "bool":
      return typeof value === "boolean";
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function sizeOf(value: Json): number {
  return typeof value === "string" || Array.isArray(value) ? value.length : 0;
}

function literal(expression: Expression): Json {
  if (expression.kind === "literal") return expression.value;
  if (expression.kind === "array") return expression.items.map(literal);
  if (expression.kind === "unary" && expression.operator === "-") return -(literal(expression.operand) as number);
  throw new Error("a decorator takes plain values");
}
