import type { Expression, Query, SelectItem } from "./ast.ts";
import { syntaxError, type Token } from "./tokens.ts";

// From the loosest to the tightest; comparison is between the third and the fourth and handled by itself.
const binaryLevels: readonly (readonly string[])[] = [
  ["|"],
  ["^"],
  ["&"],
  ["<<", ">>", ">>>"],
  ["||"],
  ["+", "-"],
  ["*", "/", "%"],
];
const comparisons = new Set(["=", "!=", "<>", "<", "<=", ">", ">="]);
const notNames = new Set([
  "SELECT",
  "FROM",
  "WHERE",
  "GROUP",
  "ORDER",
  "BY",
  "AND",
  "OR",
  "NOT",
  "IN",
  "BETWEEN",
  "LIKE",
  "JOIN",
  "AS",
]);

/** A recursive descent over the expressions of a query, one method per level of precedence. */
export abstract class ExpressionParser {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  abstract query(): Query;

  get token(): Token {
    return this.ahead(0);
  }

  ahead(count: number): Token {
    return this.#tokens[Math.min(this.#position + count, this.#tokens.length - 1)] as Token;
  }

  next(): Token {
    const token = this.token;
    this.#position += 1;
    return token;
  }

  acceptWord(upper: string): boolean {
    if (this.token.kind !== "word" || this.token.upper !== upper) return false;
    this.#position += 1;
    return true;
  }

  expectWord(upper: string): void {
    if (!this.acceptWord(upper)) throw syntaxError(this.token.text, this.token.at);
  }

  acceptSign(sign: string): boolean {
    if (this.token.kind !== "sign" || this.token.text !== sign) return false;
    this.#position += 1;
    return true;
  }

  expectSign(sign: string): void {
    if (!this.acceptSign(sign)) throw syntaxError(this.token.text, this.token.at);
  }

  list<Item>(item: () => Item): Item[] {
    const items = [item()];
    while (this.acceptSign(",")) items.push(item());
    return items;
  }

  /** The whole of an expression: `a ? b : c` and `a ?? b` bind loosest. */
  expression(): Expression {
    const test = this.#coalesced();
    if (!this.acceptSign("?")) return test;
    const yes = this.expression();
    this.expectSign(":");
    return { kind: "choice", test, yes, no: this.expression() };
  }

  #coalesced(): Expression {
    const left = this.#disjunction();
    return this.acceptSign("??") ? { kind: "binary", operator: "??", left, right: this.#coalesced() } : left;
  }

  #disjunction(): Expression {
    let left = this.#conjunction();
    while (this.acceptWord("OR")) left = { kind: "binary", operator: "OR", left, right: this.#conjunction() };
    return left;
  }

  #conjunction(): Expression {
    let left = this.#negation();
    while (this.acceptWord("AND")) left = { kind: "binary", operator: "AND", left, right: this.#negation() };
    return left;
  }

  #negation(): Expression {
    return this.acceptWord("NOT") ? { kind: "unary", operator: "NOT", of: this.#negation() } : this.#comparison();
  }

  #comparison(): Expression {
    let left = this.#binary(0);
    for (;;) {
      if (this.token.kind === "sign" && comparisons.has(this.token.text)) {
        const operator = this.next().text;
        left = { kind: "binary", operator: operator === "<>" ? "!=" : operator, left, right: this.#binary(0) };
        continue;
      }
      const negated = this.token.upper === "NOT" && /^(IN|BETWEEN|LIKE)$/.test(this.ahead(1).upper);
      if (negated) this.next();
      const test = this.#test(left);
      if (test === undefined) return left;
      left = negated ? { kind: "unary", operator: "NOT", of: test } : test;
    }
  }

  #test(of: Expression): Expression | undefined {
    if (this.acceptWord("IN")) {
      this.expectSign("(");
      const list = this.list(() => this.expression());
      this.expectSign(")");
      return { kind: "in", of, list };
    }
    if (this.acceptWord("BETWEEN")) {
      const low = this.#binary(0);
      this.expectWord("AND");
      return { kind: "between", of, low, high: this.#binary(0) };
    }
    if (!this.acceptWord("LIKE")) return undefined;
    const pattern = this.#binary(0);
    const escaping = this.acceptWord("ESCAPE") ? this.next().text : undefined;
    return { kind: "like", of, pattern, escape: escaping };
  }

  #binary(level: number): Expression {
    const operators = binaryLevels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.token.kind === "sign" && operators.includes(this.token.text)) {
      const operator = this.next().text;
      left = { kind: "binary", operator, left, right: this.#binary(level + 1) };
    }
    return left;
  }

  #unary(): Expression {
    if (this.token.kind === "sign" && (this.token.text === "-" || this.token.text === "+" || this.token.text === "~")) {
      const operator = this.next().text;
      return { kind: "unary", operator, of: this.#unary() };
    }
    return this.postfix();
  }

  /** A primary expression with its `.name` and `[index]` steps. */
  postfix(): Expression {
    let of = this.primary();
    for (;;) {
      if (this.acceptSign(".")) {
        if (this.token.kind !== "word") throw syntaxError(this.token.text, this.token.at);
        of = { kind: "property", of, name: this.next().text };
      } else if (this.acceptSign("[")) {
        const index = this.expression();
        this.expectSign("]");
        const named = index.kind === "literal" && typeof index.value === "string";
        of = named ? { kind: "property", of, name: String(index.value) } : { kind: "index", of, index };
      } else return of;
    }
  }

  primary(): Expression {
    const token = this.next();
    switch (token.kind) {
      case "number":
        return { kind: "literal", value: Number(token.text) };
      case "string":
        return { kind: "literal", value: token.text };
      case "parameter":
        return { kind: "parameter", name: token.text };
      case "word":
        return this.#word(token);
      default:
        if (token.text === "(") return this.#parenthesis();
        if (token.text === "[") return { kind: "array", items: this.#until("]", () => this.expression()) };
        if (token.text === "{") return { kind: "object", entries: this.#until("}", () => this.#entry()) };
        throw syntaxError(token.text, token.at);
    }
  }

  #word(token: Token): Expression {
    switch (token.upper) {
      case "TRUE":
        return { kind: "literal", value: true };
      case "FALSE":
        return { kind: "literal", value: false };
      case "NULL":
        return { kind: "literal", value: null };
      case "UNDEFINED":
        return { kind: "literal", value: undefined };
      case "EXISTS":
      case "ARRAY":
        if (this.token.text === "(" && this.ahead(1).upper === "SELECT") {
          this.next();
          return this.#subquery(token.upper === "EXISTS" ? "exists" : "array");
        }
        break;
      default:
    }
    if (notNames.has(token.upper)) throw syntaxError(token.text, token.at);
    if (this.token.text === "(" && this.token.kind === "sign") return this.#call(token.text, token.at);
    if (token.upper === "UDF" && this.token.text === ".") {
      this.next();
      return this.#call(`udf.${this.next().text}`, token.at);
    }
    return { kind: "name", name: token.text, at: token.at };
  }

  #call(name: string, at: number): Expression {
    this.expectSign("(");
    return { kind: "call", name, inputs: this.#until(")", () => this.expression()), at };
  }

  #parenthesis(): Expression {
    if (this.token.upper === "SELECT" && this.token.kind === "word") return this.#subquery("scalar");
    const inner = this.expression();
    this.expectSign(")");
    return inner;
  }

  #subquery(form: "scalar" | "array" | "exists"): Expression {
    const query = this.query();
    this.expectSign(")");
    return { kind: "subquery", form, query };
  }

  #entry(): SelectItem {
    const token = this.next();
    if (token.kind !== "word" && token.kind !== "string") throw syntaxError(token.text, token.at);
    this.expectSign(":");
    return { name: token.text, expression: this.expression() };
  }

  #until<Item>(close: string, item: () => Item): Item[] {
    if (this.acceptSign(close)) return [];
    const items = this.list(item);
    this.expectSign(close);
    return items;
  }
}
