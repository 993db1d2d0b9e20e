import { jsonPath, type Scope } from "../documents.ts";
import type { Json } from "../json.ts";
import { keyOfValues, prefixRange } from "../partition-key.ts";
import type { Expression, Query } from "./ast.ts";
import type { Value } from "./values.ts";

/** What SQLite can do of a query's filter. */
export interface Narrowing {
  /** Every document the query wants is in this scope. */
  readonly scope: Scope;
  /** Whether the scope holds exactly the wanted documents, so that the filter need not run. */
  readonly exact: boolean;
}

interface Condition {
  readonly path: readonly string[];
  readonly operator: string;
  readonly values: readonly Value[];
}

/** Turns the parts of a filter that must all hold into an index search (key, id) or a test on the stored JSON. */
export function narrow(
  query: Query,
  keyPaths: readonly (readonly string[])[],
  parameters: ReadonlyMap<string, Json>,
): Narrowing {
  const root = rootAlias(query);
  if (root === undefined || query.where === undefined) return { scope: {}, exact: query.where === undefined };
  const parts = conjuncts(query.where);
  const conditions = parts.map((part) => conditionOf(part, root, parameters));
  const used = new Set<number>();
  const key = keyScope(conditions, keyPaths, used);
  const ids = idScope(conditions, used);
  const tests: string[] = [];
  const values: (string | number)[] = [];
  conditions.forEach((condition, index) => {
    if (condition !== undefined && !used.has(index)) addTest(condition, tests, values);
  });
  return { scope: { ...key, ...ids, conditions: tests, values }, exact: used.size === parts.length };
}

// Only a plain FROM c: with an iteration or a join the filter speaks of other things than documents.
function rootAlias({ from }: Query): string | undefined {
  const [source] = from;
  return source !== undefined && !source.each && source.input.kind === "name" ? source.alias : undefined;
}

function conjuncts(expression: Expression): Expression[] {
  if (expression.kind !== "binary" || expression.operator !== "AND") return [expression];
  return [...conjuncts(expression.left), ...conjuncts(expression.right)];
}

const mirrored: Readonly<Record<string, string>> = { "=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

function conditionOf(
  expression: Expression,
  root: string,
  parameters: ReadonlyMap<string, Json>,
): Condition | undefined {
  if (expression.kind === "in") {
    const path = pathOf(expression.of, root);
    const constants = expression.list.map((item) => constantOf(item, parameters));
    if (path === undefined || constants.includes(notConstant)) return undefined;
    return { path, operator: "IN", values: constants as Value[] };
  }
  if (expression.kind !== "binary" || mirrored[expression.operator] === undefined) return undefined;
  const left = pathOf(expression.left, root);
  const path = left ?? pathOf(expression.right, root);
  const value = constantOf(left === undefined ? expression.left : expression.right, parameters);
  if (path === undefined || value === notConstant) return undefined;
  const operator = left === undefined ? (mirrored[expression.operator] ?? "") : expression.operator;
  return { path, operator, values: [value as Value] };
}

function pathOf(expression: Expression, root: string): readonly string[] | undefined {
  const path: string[] = [];
  let at = expression;
  while (at.kind === "property") {
    path.unshift(at.name);
    at = at.of;
  }
  return at.kind === "name" && at.name === root && path.length > 0 ? path : undefined;
}

const notConstant = Symbol("not a constant");

function constantOf(expression: Expression, parameters: ReadonlyMap<string, Json>): Value | typeof notConstant {
  if (expression.kind === "literal") return expression.value;
  if (expression.kind === "parameter") return parameters.get(expression.name);
  return notConstant;
}

const isScalar = (value: Value) => value !== undefined && (typeof value !== "object" || value === null);

function keyScope(
  conditions: readonly (Condition | undefined)[],
  keyPaths: readonly (readonly string[])[],
  used: Set<number>,
): Scope {
  const values: Value[] = [];
  for (const path of keyPaths) {
    const index = conditions.findIndex(
      (each) => each?.operator === "=" && samePath(each.path, path) && isScalar(each.values[0]),
    );
    if (index < 0) break;
    used.add(index);
    values.push(conditions[index]?.values[0]);
  }
  if (values.length === 0) return {};
  const key = keyOfValues(values);
  return values.length === keyPaths.length ? { key } : { keyRange: prefixRange(key) };
}

function idScope(conditions: readonly (Condition | undefined)[], used: Set<number>): Scope {
  const index = conditions.findIndex(
    (each) =>
      (each?.operator === "=" || each?.operator === "IN") &&
      samePath(each.path, ["id"]) &&
      each.values.length <= 1000 &&
      each.values.every((value) => typeof value === "string"),
  );
  if (index < 0) return {};
  used.add(index);
  return { ids: conditions[index]?.values as string[] };
}

// SQLite may let through too much (a boolean beside a number) but never too little: text with anything beyond ASCII
// sorts differently there, so it is left to the filter.
function addTest({ path, operator, values }: Condition, tests: string[], bound: (string | number)[]): void {
  const simple = (value: Value): value is string | number =>
    typeof value === "number" || (typeof value === "string" && /^[\x20-\x7e]*$/.test(value));
  if (!values.every(simple) || path.some((name) => /["\\]|^\d+$/.test(name)) || values.length > 1000) return;
  const column = `json_extract(body, ?)`;
  tests.push(operator === "IN" ? `${column} IN (${values.map(() => "?").join(", ")})` : `${column} ${operator} ?`);
  bound.push(jsonPath(path), ...values);
}

function samePath(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((name, index) => name === right[index]);
}
