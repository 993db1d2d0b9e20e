import { Cursor } from "./cursor.ts";
import { parseExpression, parseLoopHead, parseObject } from "./expressions.ts";
import { tokenize } from "./lexer.ts";
import type { BicepFile, Body, Declaration, Decorator, Expression, TypeName } from "./syntax.ts";

const DECORATORS = new Set(["description", "allowed", "minValue", "maxValue", "minLength", "maxLength", "secure"]);
const TYPES = new Set(["string", "int", "bool", "object", "array"]);

/** Parses one Bicep file; throws a BicepError on anything outside the part of the language used here. */
export function parseBicep(path: string, source: string): BicepFile {
  const cursor = new Cursor(path, tokenize(path, source));
  const declarations: Declaration[] = [];
  let targetScope: BicepFile["targetScope"] = "resourceGroup";
  cursor.skipNewlines();
  while (cursor.peek().kind !== "end") {
    if (cursor.is("targetScope")) targetScope = parseTargetScope(cursor);
    else declarations.push(parseDeclaration(cursor));
    cursor.endOfStatement();
    cursor.skipNewlines();
  }
  return { path, targetScope, declarations };
}

function parseTargetScope(cursor: Cursor): BicepFile["targetScope"] {
  cursor.next();
  cursor.expect("=");
  const scope = plainString(cursor, "a scope");
  if (scope !== "resourceGroup" && scope !== "subscription") throw cursor.error(`unknown scope "${scope}"`);
  return scope;
}

function parseDeclaration(cursor: Cursor): Declaration {
  const decorators = parseDecorators(cursor);
  const { line } = cursor.peek();
  const keyword = cursor.word("a declaration");
  switch (keyword) {
    case "param": {
      const name = cursor.word("a parameter name");
      const type = parseType(cursor);
      const fallback = cursor.take("=") ? parseExpression(cursor) : undefined;
      return { kind: "param", line, name, decorators, type, fallback };
    }
    case "var": {
      const name = cursor.word("a variable name");
      cursor.expect("=");
      return { kind: "var", line, name, decorators, value: parseExpression(cursor) };
    }
    case "output": {
      const name = cursor.word("an output name");
      const type = parseType(cursor);
      cursor.expect("=");
      return { kind: "output", line, name, decorators, type, value: parseExpression(cursor) };
    }
    case "resource":
      return parseResource(cursor, line, decorators);
    case "module": {
      const name = cursor.word("a module name");
      const path = plainString(cursor, "a module path");
      cursor.expect("=");
      return { kind: "module", line, name, decorators, path, body: parseBody(cursor) };
    }
    default:
      throw cursor.error(`unknown declaration "${keyword}"`);
  }
}

function parseResource(cursor: Cursor, line: number, decorators: readonly Decorator[]): Declaration {
  const name = cursor.word("a resource name");
  const reference = plainString(cursor, "a resource type");
  const match = /^([A-Za-z.]+(?:\/[A-Za-z]+)+)@(\d{4}-\d{2}-\d{2}(?:-preview)?)$/.exec(reference);
  if (!match) throw cursor.error(`"${reference}" is not TYPE@API-VERSION`);
  const [, type = "", apiVersion = ""] = match;
  const existing = cursor.take("existing");
  cursor.expect("=");
  return { kind: "resource", line, name, decorators, type, apiVersion, existing, body: parseBody(cursor) };
}

function parseBody(cursor: Cursor): Body {
  if (!cursor.is("[")) return { loop: undefined, ...parseConditional(cursor) };
  const loop = parseLoopHead(cursor);
  const inner = parseConditional(cursor);
  cursor.skipNewlines();
  cursor.expect("]");
  return { loop, ...inner };
}

function parseConditional(cursor: Cursor): Pick<Body, "condition" | "object"> {
  if (!cursor.take("if")) return { condition: undefined, object: parseObject(cursor) };
  cursor.expect("(");
  const condition: Expression = parseExpression(cursor);
  cursor.expect(")");
  return { condition, object: parseObject(cursor) };
}

function parseDecorators(cursor: Cursor): Decorator[] {
  const decorators: Decorator[] = [];
  while (cursor.is("@")) {
    cursor.next();
    const { line } = cursor.peek();
    const call = parseExpression(cursor);
    if (call.kind !== "call" || !DECORATORS.has(call.name)) throw cursor.error("unknown decorator");
    decorators.push({ line, name: call.name, args: call.args });
    if (!cursor.skipNewlines()) throw cursor.error("a decorator stands on a line of its own");
  }
  return decorators;
}

function parseType(cursor: Cursor): TypeName {
  const base = cursor.word("a type");
  if (!TYPES.has(base)) throw cursor.error(`unknown type "${base}"`);
  const list = cursor.take("[");
  if (list) cursor.expect("]");
  return { base: base as TypeName["base"], list };
}

function plainString(cursor: Cursor, what: string): string {
  const token = cursor.peek();
  const [only, ...more] = token.parts ?? [];
  if (only === undefined || !("text" in only) || more.length > 0) {
    throw cursor.error(`expected ${what}, a string without interpolation`);
  }
  cursor.next();
  return only.text;
}
