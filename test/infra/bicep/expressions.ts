import { Cursor } from "./cursor.ts";
import { type Token, tokenize } from "./lexer.ts";
import { BicepError, type Expression, type Loop, type ObjectExpression, type ObjectProperty } from "./syntax.ts";

/** Binary operators by strength, weakest first, as the Bicep compiler orders them. */
const STRENGTH: ReadonlyMap<string, number> = new Map(
  [["??"], ["||"], ["&&"], ["==", "!=", "=~", "!~"], ["<", "<=", ">", ">="], ["+", "-"], ["*", "/", "%"]].flatMap(
    (operators, strength) => operators.map((operator) => [operator, strength] as const),
  ),
);

/** Bicep's own grammar and its compiler have ordered these differently over time, so a mixture takes parentheses. */
const LOGICAL = new Set(["??", "||", "&&"]);
const parenthesized = new WeakSet<Expression>();

/** Reads one expression; a line break may stand only where Bicep allows one. */
export function parseExpression(cursor: Cursor): Expression {
  const condition = parseBinary(cursor, 0);
  if (cursor.afterNewlines().text !== "?" || cursor.afterNewlines().kind !== "symbol") return condition;
  cursor.skipNewlines();
  const { line } = cursor.expect("?");
  cursor.skipNewlines();
  const then = parseExpression(cursor);
  cursor.skipNewlines();
  cursor.expect(":");
  cursor.skipNewlines();
  return { kind: "ternary", line, condition, then, otherwise: parseExpression(cursor) };
}

function parseBinary(cursor: Cursor, weakest: number): Expression {
  let left = parseUnary(cursor);
  for (;;) {
    const { text: operator, kind, line } = cursor.peek();
    const strength = kind === "symbol" ? STRENGTH.get(operator) : undefined;
    if (strength === undefined || strength < weakest) return left;
    cursor.next();
    const right = parseBinary(cursor, strength + 1);
    for (const side of [left, right]) {
      const mixed = side.kind === "binary" && LOGICAL.has(operator) && LOGICAL.has(side.operator);
      if (mixed && side.operator !== operator && !parenthesized.has(side)) {
        throw new BicepError(cursor.file, line, `"${side.operator}" beside "${operator}" needs parentheses`);
      }
    }
    left = { kind: "binary", line, operator, left, right };
  }
}

function parseUnary(cursor: Cursor): Expression {
  const { line } = cursor.peek();
  if (cursor.take("!")) return { kind: "unary", line, operator: "!", operand: parseUnary(cursor) };
  if (cursor.take("-")) return { kind: "unary", line, operator: "-", operand: parseUnary(cursor) };
  return parsePostfix(cursor);
}

function parsePostfix(cursor: Cursor): Expression {
  let of = parsePrimary(cursor);
  for (;;) {
    const { line } = cursor.peek();
    if (cursor.is("!") && !cursor.is("=", 1)) {
      cursor.next();
      of = { kind: "promised", line, operand: of };
    } else if (cursor.is(".") || cursor.is(".?")) {
      const safe = cursor.next().text === ".?";
      const name = cursor.word("a property name");
      of = cursor.is("(")
        ? { kind: "method", line, of, name, args: parseArguments(cursor) }
        : { kind: "member", line, of, name, safe };
    } else if (cursor.is("[") || cursor.is("[?")) {
      const safe = cursor.next().text === "[?";
      const index = parseExpression(cursor);
      cursor.expect("]");
      of = { kind: "index", line, of, index, safe };
    } else return of;
  }
}

function parsePrimary(cursor: Cursor): Expression {
  const token = cursor.peek();
  const { line } = token;
  if (token.kind === "string") return parseString(cursor.file, cursor.next());
  if (token.kind === "number") return { kind: "literal", line, value: Number(cursor.next().text) };
  if (token.kind === "word") return parseWord(cursor);
  if (cursor.is("{")) return parseObject(cursor);
  if (cursor.is("[")) return cursor.is("for", 1) ? parseFor(cursor) : parseArray(cursor);
  if (cursor.is("(")) return parseParenthesis(cursor);
  throw cursor.error(`expected a value but found ${JSON.stringify(token.text)}`);
}

function parseWord(cursor: Cursor): Expression {
  const { line } = cursor.peek();
  const name = cursor.word("a name");
  if (name === "true" || name === "false") return { kind: "literal", line, value: name === "true" };
  if (name === "null") return { kind: "literal", line, value: null };
  if (cursor.take("=>")) return { kind: "lambda", line, params: [name], body: parseExpression(cursor) };
  if (cursor.is("(")) return { kind: "call", line, name, args: parseArguments(cursor) };
  return { kind: "name", line, name };
}

function parseParenthesis(cursor: Cursor): Expression {
  const { line } = cursor.peek();
  const params = lambdaParameters(cursor);
  if (params !== undefined) return { kind: "lambda", line, params, body: parseExpression(cursor) };
  cursor.expect("(");
  cursor.skipNewlines();
  const inner = parseExpression(cursor);
  cursor.skipNewlines();
  cursor.expect(")");
  parenthesized.add(inner);
  return inner;
}

/** `(a, b) =>` is known only by its arrow, so look before taking. */
function lambdaParameters(cursor: Cursor): string[] | undefined {
  const params: string[] = [];
  let ahead = 1;
  while (cursor.peek(ahead).kind === "word") {
    params.push(cursor.peek(ahead).text);
    ahead += 1;
    if (!cursor.is(",", ahead)) break;
    ahead += 1;
  }
  if (!cursor.is(")", ahead) || !cursor.is("=>", ahead + 1)) return undefined;
  for (let taken = 0; taken < ahead + 2; taken += 1) cursor.next();
  return params;
}

function parseArguments(cursor: Cursor): Expression[] {
  cursor.expect("(");
  const args: Expression[] = [];
  cursor.skipNewlines();
  while (!cursor.is(")")) {
    args.push(parseExpression(cursor));
    cursor.skipNewlines();
    if (!cursor.take(",")) break;
    cursor.skipNewlines();
  }
  cursor.expect(")");
  return args;
}

/** Reads `{ … }`; properties stand on lines of their own or are parted by commas. */
export function parseObject(cursor: Cursor): ObjectExpression {
  const { line } = cursor.expect("{");
  const properties: ObjectProperty[] = [];
  readItems(cursor, "}", () => properties.push(parseProperty(cursor)));
  return { kind: "object", line, properties };
}

function parseProperty(cursor: Cursor): ObjectProperty {
  const token = cursor.peek();
  const key: Expression =
    token.kind === "string"
      ? parseString(cursor.file, cursor.next())
      : { kind: "literal", line: token.line, value: cursor.word("a property name") };
  cursor.expect(":");
  return { line: token.line, key, value: parseExpression(cursor) };
}

function parseArray(cursor: Cursor): Expression {
  const { line } = cursor.expect("[");
  const items: Expression[] = [];
  readItems(cursor, "]", () => items.push(parseExpression(cursor)));
  return { kind: "array", line, items };
}

function readItems(cursor: Cursor, close: string, readItem: () => void): void {
  cursor.skipNewlines();
  while (!cursor.is(close)) {
    readItem();
    const comma = cursor.take(",");
    const newline = cursor.skipNewlines();
    if (!comma && !newline && !cursor.is(close)) throw cursor.error("two items on one line need a comma");
  }
  cursor.expect(close);
}

/** Reads `[for x in y:` or `[for (x, i) in y:`; the caller reads the body and the closing bracket. */
export function parseLoopHead(cursor: Cursor): Loop {
  const { line } = cursor.expect("[");
  cursor.expect("for");
  let index: string | undefined;
  let item: string;
  if (cursor.take("(")) {
    item = cursor.word("a loop variable");
    cursor.expect(",");
    index = cursor.word("a loop index");
    cursor.expect(")");
  } else item = cursor.word("a loop variable");
  cursor.expect("in");
  const over = parseExpression(cursor);
  cursor.expect(":");
  return { line, item, index, over };
}

function parseFor(cursor: Cursor): Expression {
  const loop = parseLoopHead(cursor);
  const body = parseExpression(cursor);
  cursor.skipNewlines();
  cursor.expect("]");
  return { kind: "for", line: loop.line, loop, body };
}

function parseString(file: string, token: Token): Expression {
  const parts = (token.parts ?? []).flatMap<string | Expression>((part) => {
    if ("text" in part) return part.text === "" ? [] : [part.text];
    const inner = new Cursor(file, tokenize(file, part.source, part.line));
    const expression = parseExpression(inner);
    if (inner.peek().kind !== "end") throw new BicepError(file, part.line, "an interpolation holds one expression");
    return [expression];
  });
  if (parts.length === 0) return { kind: "literal", line: token.line, value: "" };
  const [only] = parts;
  if (parts.length === 1 && typeof only === "string") return { kind: "literal", line: token.line, value: only };
  return { kind: "template", line: token.line, parts };
}
