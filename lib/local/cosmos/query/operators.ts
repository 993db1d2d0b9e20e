import { compare, equal, finite, type Value } from "./values.ts";

/** A binary operator that needs both sides evaluated. */
export type Operator = (left: Value, right: Value) => Value;

const ordered =
  (holds: (order: number) => boolean): Operator =>
  (left, right) => {
    const result = compare(left, right);
    return result === undefined ? undefined : holds(result);
  };

const numeric =
  (apply: (left: number, right: number) => number): Operator =>
  (left, right) =>
    typeof left === "number" && typeof right === "number" ? finite(apply(left, right)) : undefined;

const bitwise =
  (apply: (left: bigint, right: bigint) => bigint): Operator =>
  (left, right) =>
    Number.isSafeInteger(left) && Number.isSafeInteger(right)
      ? Number(BigInt.asIntN(64, apply(BigInt(left as number), BigInt(right as number))))
      : undefined;

export const operators: Readonly<Record<string, Operator>> = {
  "=": equal,
  "!=": (left, right) => {
    const same = equal(left, right);
    return same === undefined ? undefined : !same;
  },
  "<": ordered((order) => order < 0),
  "<=": ordered((order) => order <= 0),
  ">": ordered((order) => order > 0),
  ">=": ordered((order) => order >= 0),
  "+": numeric((left, right) => left + right),
  "-": numeric((left, right) => left - right),
  "*": numeric((left, right) => left * right),
  "/": numeric((left, right) => left / right),
  "%": numeric((left, right) => left % right),
  "&": bitwise((left, right) => left & right),
  "|": bitwise((left, right) => left | right),
  "^": bitwise((left, right) => left ^ right),
  "<<": bitwise((left, right) => left << right),
  ">>": bitwise((left, right) => left >> right),
  ">>>": bitwise((left, right) => BigInt.asUintN(64, left) >> right),
  "||": (left, right) => (typeof left === "string" && typeof right === "string" ? left + right : undefined),
};

/** Three-valued AND: what is neither true nor false counts as unknown. */
export function and(left: Value, right: Value): Value {
  if (left === false || right === false) return false;
  return left === true && right === true ? true : undefined;
}

/** Three-valued OR. */
export function or(left: Value, right: Value): Value {
  if (left === true || right === true) return true;
  return left === false && right === false ? false : undefined;
}

export function unary(operator: string, value: Value): Value {
  if (operator === "NOT") return typeof value === "boolean" ? !value : undefined;
  if (typeof value !== "number") return undefined;
  return operator === "-" ? -value : operator === "~" ? ~value : value;
}

const patterns = new Map<string, RegExp>();

/** LIKE with %, _, [set], [^set] and an optional escape character. */
export function like(value: Value, pattern: Value, escaping: string | undefined): Value {
  if (typeof value !== "string" || typeof pattern !== "string") return undefined;
  const key = `${escaping ?? ""}\u0000${pattern}`;
  let expression = patterns.get(key);
  if (expression === undefined) {
    expression = likeExpression(pattern, escaping);
    if (patterns.size >= 200) patterns.clear();
    patterns.set(key, expression);
  }
  return expression.test(value);
}

function likeExpression(pattern: string, escaping: string | undefined): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at] as string;
    const close = letter === "[" ? pattern.indexOf("]", at + 1) : -1;
    if (letter === escaping && at + 1 < pattern.length) source += literal(pattern[++at] as string);
    else if (letter === "%") source += ".*";
    else if (letter === "_") source += ".";
    else if (close > at) {
      source += `[${pattern.slice(at + 1, close).replaceAll("\\", "\\\\")}]`;
      at = close;
    } else source += literal(letter);
  }
  return new RegExp(`^${source}$`, "s");
}

const literal = (letter: string) => letter.replace(/[\\^$.*+?()[\]{}|/-]/, "\\$&");
