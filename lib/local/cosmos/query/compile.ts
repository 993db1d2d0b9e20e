import type { Json, JsonObject } from "../json.ts";
import { unsupported } from "../refusal.ts";
import { type Accumulator, aggregates } from "./aggregates.ts";
import type { Expression, Query, Source } from "./ast.ts";
import { type BuiltIn, builtIns } from "./functions.ts";
import { and, like, operators, or, unary } from "./operators.ts";
import { runRows } from "./run.ts";
import { queryError } from "./tokens.ts";
import { equal, type Value } from "./values.ts";

/** What an expression is evaluated against: the current row of every alias, the parameters, the group's aggregates. */
export interface Frame {
  /** Slot 0 is the document. */
  slots: Value[];
  readonly parameters: ReadonlyMap<string, Json>;
  readonly aggregates: Value[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

export type Evaluate = (frame: Frame) => Value;

export interface CompiledSource {
  readonly slot: number;
  readonly input: Evaluate;
  readonly each: boolean;
}

/** A query whose names are resolved, as closures ready to run. */
export interface CompiledQuery {
  readonly sources: readonly CompiledSource[];
  readonly where: Evaluate | undefined;
  /** Absent: the query neither groups nor aggregates. */
  readonly grouping:
    | { readonly keys: readonly Evaluate[]; readonly aggregates: readonly CompiledAggregate[] }
    | undefined;
  readonly orderBy: readonly { readonly by: Evaluate; readonly descending: boolean }[];
  readonly project: Evaluate;
  readonly star: boolean;
  readonly distinct: boolean;
  readonly top: Evaluate | undefined;
  readonly offset: Evaluate | undefined;
  readonly limit: Evaluate | undefined;
}

export interface CompiledAggregate {
  readonly index: number;
  readonly start: () => Accumulator;
  readonly input: Evaluate;
  /** Whether it counts every row, as COUNT(1) does. */
  readonly countsRows: boolean;
}

/**
 * Resolves a query's names and turns it into closures. Evaluating queries here rather than translating them to
 * SQLite's SQL keeps undefined apart from null, booleans from numbers and types from each other as Cosmos DB does;
 * SQLite only narrows down the documents (see narrow.ts). Throws 400 for what doesn't exist, 501 for what isn't here.
 */
export function compileQuery(query: Query): CompiledQuery {
  return new Compiler().query(query, undefined);
}

/** The names an expression may use, innermost query first. */
interface Scope {
  readonly slots: Map<string, number>;
  readonly outer: Scope | undefined;
  /** Where this query's aggregates are gathered; undefined where an aggregate may not stand. */
  aggregates: CompiledAggregate[] | undefined;
}

class Compiler {
  #slots = 1;
  #aggregates = 0;

  query(query: Query, outer: Scope | undefined): CompiledQuery {
    const scope: Scope = { slots: new Map(), outer, aggregates: undefined };
    const sources = query.from.map((source, index) => this.#source(source, index, scope));
    const where = query.where && this.expression(query.where, scope);
    const keys = query.groupBy.map((key) => this.expression(key, scope));
    const gathered: CompiledAggregate[] = [];
    scope.aggregates = gathered;
    const project = this.#projection(query, scope);
    const orderBy = query.orderBy.map(({ expression, descending }) => ({
      by: this.expression(expression, scope),
      descending,
    }));
    scope.aggregates = undefined;
    const grouping = keys.length > 0 || gathered.length > 0 ? { keys, aggregates: gathered } : undefined;
    const constant = (expression: Expression | undefined) => expression && this.expression(expression, scope);
    return {
      sources,
      where,
      grouping,
      orderBy,
      project,
      star: query.select.kind === "star",
      distinct: query.distinct,
      top: constant(query.top),
      offset: constant(query.offset),
      limit: constant(query.limit),
    };
  }

  // The first name of an outermost FROM is the container itself, whatever it is called.
  #source({ alias, input, each }: Source, index: number, scope: Scope): CompiledSource {
    const root = index === 0 && scope.outer === undefined ? rootName(input) : undefined;
    if (root !== undefined) scope.slots.set(root, 0);
    const evaluate = this.expression(input, scope);
    if (root !== undefined) scope.slots.delete(root);
    const slot = root !== undefined && input.kind === "name" && !each ? 0 : this.#slots++;
    if (scope.slots.has(alias)) throw queryError("SC2007", `The alias '${alias}' was specified multiple times.`);
    scope.slots.set(alias, slot);
    return { slot, input: evaluate, each };
  }

  #projection({ select, from }: Query, scope: Scope): Evaluate {
    if (select.kind === "value") return this.expression(select.expression, scope);
    if (select.kind === "list")
      return objectOf(select.items.map(({ name, expression }) => [name, this.expression(expression, scope)]));
    if (from.length !== 1) throw queryError("SC2003", "'SELECT *' is only valid with a single input set.");
    const slot = scope.slots.get(from[0]?.alias ?? "") ?? 0;
    return (frame) => frame.slots[slot];
  }

  expression(expression: Expression, scope: Scope): Evaluate {
    const compiled = (inner: Expression) => this.expression(inner, scope);
    switch (expression.kind) {
      case "literal": {
        const { value } = expression;
        return () => value;
      }
      case "parameter": {
        const { name } = expression;
        return ({ parameters }) => parameters.get(name);
      }
      case "name":
        return this.#name(expression.name, expression.at, scope);
      case "property":
        return property(compiled(expression.of), expression.name);
      case "index":
        return element(compiled(expression.of), compiled(expression.index));
      case "unary": {
        const [operator, of] = [expression.operator, compiled(expression.of)];
        return (frame) => unary(operator, of(frame));
      }
      case "binary":
        return binary(expression.operator, compiled(expression.left), compiled(expression.right));
      case "choice": {
        const [test, yes, no] = [compiled(expression.test), compiled(expression.yes), compiled(expression.no)];
        return (frame) => (test(frame) === true ? yes(frame) : no(frame));
      }
      case "in":
        return membership(compiled(expression.of), expression.list.map(compiled));
      case "between": {
        const [of, low, high] = [compiled(expression.of), compiled(expression.low), compiled(expression.high)];
        const [least, most] = [operators[">="], operators["<="]];
        return (frame) => and(least?.(of(frame), low(frame)), most?.(of(frame), high(frame)));
      }
      case "like": {
        const [of, pattern, escaping] = [compiled(expression.of), compiled(expression.pattern), expression.escape];
        return (frame) => like(of(frame), pattern(frame), escaping);
      }
      case "array": {
        const items = expression.items.map(compiled);
        return (frame) => items.map((item) => item(frame)).filter((value) => value !== undefined);
      }
      case "object":
        return objectOf(expression.entries.map((entry) => [entry.name, compiled(entry.expression)]));
      case "call":
        return this.#call(expression.name, expression.inputs, expression.at, scope);
      case "subquery":
        return subquery(expression.form, this.query(expression.query, scope));
    }
  }

  #name(name: string, at: number, scope: Scope): Evaluate {
    for (let each: Scope | undefined = scope; each !== undefined; each = each.outer) {
      const slot = each.slots.get(name);
      if (slot !== undefined) return ({ slots }) => slots[slot];
    }
    throw queryError("SC2001", `Identifier '${name}' could not be resolved.`, at);
  }

  #call(name: string, inputs: readonly Expression[], at: number, scope: Scope): Evaluate {
    const upper = name.toUpperCase();
    const start = aggregates[upper];
    if (start !== undefined) return this.#aggregate(name, start, inputs, at, scope);
    const builtIn = builtIns[upper];
    if (builtIn === undefined) throw unknownFunction(name, at);
    if (inputs.length < builtIn.least || inputs.length > builtIn.most) {
      throw queryError("SC2050", `The ${name} function takes ${arity(builtIn)} argument(s), not ${inputs.length}.`, at);
    }
    if (builtIn.needsNow) return ({ now }) => builtIn.apply(now);
    return application(
      builtIn.apply,
      inputs.map((input) => this.expression(input, scope)),
    );
  }

  #aggregate(
    name: string,
    start: () => Accumulator,
    inputs: readonly Expression[],
    at: number,
    scope: Scope,
  ): Evaluate {
    const [argument] = inputs;
    if (scope.aggregates === undefined || argument === undefined || inputs.length !== 1) {
      throw queryError("SC2103", `The aggregate ${name} takes one argument and belongs in SELECT or ORDER BY.`, at);
    }
    const gathered = scope.aggregates;
    scope.aggregates = undefined;
    const index = this.#aggregates++;
    const countsRows = start === aggregates.COUNT && argument.kind === "literal" && argument.value !== undefined;
    gathered.push({ index, start, input: this.expression(argument, scope), countsRows });
    scope.aggregates = gathered;
    return (frame) => frame.aggregates[index];
  }
}

function rootName(input: Expression): string | undefined {
  if (input.kind === "name") return input.name;
  return input.kind === "property" || input.kind === "index" ? rootName(input.of) : undefined;
}

function property(of: Evaluate, name: string): Evaluate {
  return (frame) => {
    const value = of(frame);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    return Object.hasOwn(value, name) ? value[name] : undefined;
  };
}

function element(of: Evaluate, index: Evaluate): Evaluate {
  return (frame) => {
    const [value, at] = [of(frame), index(frame)];
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) return typeof at === "number" ? value[at] : undefined;
    return typeof at === "string" && Object.hasOwn(value, at) ? value[at] : undefined;
  };
}

function binary(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  if (operator === "AND") {
    return (frame) => {
      const first = left(frame);
      return first === false ? false : and(first, right(frame));
    };
  }
  if (operator === "OR") {
    return (frame) => {
      const first = left(frame);
      return first === true ? true : or(first, right(frame));
    };
  }
  if (operator === "??") {
    return (frame) => {
      const first = left(frame);
      return first === undefined ? right(frame) : first;
    };
  }
  const apply = operators[operator];
  if (apply === undefined) throw queryError("SC1001", `Syntax error, incorrect syntax near '${operator}'.`);
  return (frame) => apply(left(frame), right(frame));
}

function membership(of: Evaluate, list: readonly Evaluate[]): Evaluate {
  return (frame) => {
    const value = of(frame);
    return value === undefined ? undefined : list.some((item) => equal(value, item(frame)) === true);
  };
}

function objectOf(entries: readonly (readonly [string, Evaluate])[]): Evaluate {
  return (frame) => {
    const object: JsonObject = {};
    for (const [name, evaluate] of entries) {
      const value = evaluate(frame);
      if (value !== undefined) object[name] = value;
    }
    return object;
  };
}

// One and two inputs are the common case and need no array per row.
function application(apply: BuiltIn["apply"], inputs: readonly Evaluate[]): Evaluate {
  const [first, second] = inputs;
  if (inputs.length === 1 && first !== undefined) return (frame) => apply(first(frame));
  if (inputs.length === 2 && first !== undefined && second !== undefined)
    return (frame) => apply(first(frame), second(frame));
  return (frame) => apply(...inputs.map((input) => input(frame)));
}

function subquery(form: "scalar" | "array" | "exists", query: CompiledQuery): Evaluate {
  const run = (frame: Frame, most: number) => runRows(query, frame, [undefined], query.project, most);
  if (form === "exists") return (frame) => run(frame, 1).length > 0;
  if (form === "array") return (frame) => run(frame, Number.POSITIVE_INFINITY) as Json[];
  return (frame) => run(frame, 1)[0];
}

function unknownFunction(name: string, at: number) {
  if (name.startsWith("udf.")) return unsupported(`The user defined function ${name}`);
  if (/^(ST_|VECTORDISTANCE$|FULLTEXT|RRF$)/i.test(name)) return unsupported(`The query function ${name}`);
  return queryError("SC2005", `'${name}' is not a recognized built-in function name.`, at);
}

const arity = ({ least, most }: BuiltIn) => (least === most ? String(least) : `${least} to ${most}`);
