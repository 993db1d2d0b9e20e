import { FUNCTIONS } from "./functions.ts";
import { listKeys } from "./runtime.ts";
import { BicepError, type Expression, type Loop } from "./syntax.ts";
import { Closure, isBag, isList, kindOf, ModuleReference, ResourceReference, type Value } from "./values.ts";

/** What an expression can see. */
export interface Scope {
  readonly file: string;
  /** True while names, conditions and loops are computed: properties of other resources do not exist yet. */
  readonly start: boolean;
  readonly locals: ReadonlyMap<string, Value>;
  /** A symbol of the file, evaluated under the same `start`. */
  readonly symbol: (name: string, start: boolean) => Value;
  /** A function that needs the file or the deployment: `loadJsonContent`, `resourceGroup`, … */
  readonly call: (name: string, args: readonly Value[]) => Value | undefined;
}

/** The value of an expression; throws a BicepError where Resource Manager or the compiler would refuse. */
export function evaluate(node: Expression, scope: Scope): Value {
  try {
    return evaluateNode(node, scope);
  } catch (thrown) {
    if (thrown instanceof BicepError || !(thrown instanceof Error)) throw thrown;
    throw new BicepError(scope.file, node.line, thrown.message);
  }
}

function evaluateNode(node: Expression, scope: Scope): Value {
  switch (node.kind) {
    case "literal":
      return node.value;
    case "template":
      return node.parts.map((part) => (typeof part === "string" ? part : written(evaluate(part, scope)))).join("");
    case "object":
      return evaluateObject(node.properties, scope);
    case "array":
      return node.items.map((item) => evaluate(item, scope));
    case "for":
      return eachTurn(node.loop, scope).map((inner) => evaluate(node.body, inner));
    case "name":
      return scope.locals.get(node.name) ?? (scope.locals.has(node.name) ? null : scope.symbol(node.name, scope.start));
    case "member":
      return member(evaluate(node.of, scope), node.name, node.safe, scope);
    case "index":
      return element(evaluate(node.of, scope), evaluate(node.index, scope), node.safe, scope);
    case "call":
      return callFunction(
        node.name,
        node.args.map((arg) => evaluate(arg, scope)),
        scope,
      );
    case "method":
      return callMethod(evaluate(node.of, scope), node.name, scope);
    case "lambda":
      return new Closure(node.params, node.body, (args) => {
        const bound = node.params.map((name, at): [string, Value] => [name, args[at] ?? null]);
        return evaluate(node.body, { ...scope, locals: new Map([...scope.locals, ...bound]) });
      });
    case "unary":
      return node.operator === "!" ? !truth(evaluate(node.operand, scope)) : -int(evaluate(node.operand, scope));
    case "promised":
      return evaluate(node.operand, scope);
    case "binary":
      return binary(node.operator, node.left, node.right, scope);
    case "ternary":
      return evaluate(truth(evaluate(node.condition, scope)) ? node.then : node.otherwise, scope);
  }
}

/** The scope of each turn of a loop. */
export function eachTurn(loop: Loop, scope: Scope): Scope[] {
  const over = evaluate(loop.over, scope);
  if (!isList(over)) throw new BicepError(scope.file, loop.line, `a loop runs over an array, not ${kindOf(over)}`);
  return over.map((item, at) => {
    const locals = new Map(scope.locals).set(loop.item, item);
    if (loop.index !== undefined) locals.set(loop.index, at);
    return { ...scope, locals };
  });
}

function evaluateObject(
  properties: readonly { key: Expression; value: Expression; line: number }[],
  scope: Scope,
): Value {
  const made: Record<string, Value> = {};
  for (const { key, value, line } of properties) {
    const name = written(evaluate(key, scope));
    if (Object.hasOwn(made, name)) throw new BicepError(scope.file, line, `property "${name}" is given twice`);
    made[name] = evaluate(value, scope);
  }
  return made;
}

/** A property of anything; reading what is not there is an error unless `.?` asked for it. */
export function member(of: Value, name: string, safe: boolean, scope: Scope): Value {
  if (of instanceof ResourceReference) return resourceMember(of, name, safe, scope);
  if (of instanceof ModuleReference) {
    if (name !== "outputs") throw new Error(`a module has outputs, not "${name}"`);
    if (scope.start) throw new Error(`"${of.symbol}.outputs" is not known when names and conditions are computed`);
    if (!of.deployed) throw new Error(`module "${of.symbol}" is not deployed here, so it has no outputs`);
    return of.outputs();
  }
  if (of === null && safe) return null;
  if (!isBag(of)) throw new Error(`cannot read "${name}" of ${kindOf(of)}`);
  const value = Object.hasOwn(of, name) ? of[name] : undefined;
  if (value === undefined && !safe) throw new Error(`there is no property "${name}"`);
  return value ?? null;
}

function resourceMember(of: ResourceReference, name: string, safe: boolean, scope: Scope): Value {
  if (name === "id") return of.id;
  if (name === "name") return of.name;
  if (name === "type") return of.type;
  if (scope.start) throw new Error(`"${of.symbol}.${name}" is not known when names and conditions are computed`);
  if (!of.deployed) throw new Error(`resource "${of.symbol}" is not deployed here, so "${name}" cannot be read`);
  return member(of.view(), name, safe, scope);
}

function element(of: Value, index: Value, safe: boolean, scope: Scope): Value {
  if (typeof index === "string") return member(of, index, safe, scope);
  if (of === null && safe) return null;
  if (!isList(of)) throw new Error(`cannot index ${kindOf(of)}`);
  const value = of[int(index)];
  if (value === undefined && !safe) throw new Error(`there is no element ${int(index)}`);
  return value ?? null;
}

function callFunction(name: string, args: readonly Value[], scope: Scope): Value {
  const own = scope.call(name, args);
  if (own !== undefined) return own;
  const implementation = FUNCTIONS.get(name);
  if (implementation === undefined) throw new Error(`unknown function "${name}"`);
  return implementation(...args);
}

function callMethod(of: Value, name: string, scope: Scope): Value {
  if (!(of instanceof ResourceReference) || name !== "listKeys") throw new Error(`unknown method "${name}"`);
  if (scope.start) throw new Error(`"${of.symbol}.listKeys()" is not known when names and conditions are computed`);
  if (!of.deployed) throw new Error(`resource "${of.symbol}" is not deployed here, so it has no keys`);
  return listKeys(of.type, of.id);
}

function binary(operator: string, left: Expression, right: Expression, scope: Scope): Value {
  const first = evaluate(left, scope);
  // These three look at their right side only when they must.
  if (operator === "&&") return truth(first) && truth(evaluate(right, scope));
  if (operator === "||") return truth(first) || truth(evaluate(right, scope));
  if (operator === "??") return first ?? evaluate(right, scope);
  const second = evaluate(right, scope);
  switch (operator) {
    case "==":
      return JSON.stringify(first) === JSON.stringify(second);
    case "!=":
      return JSON.stringify(first) !== JSON.stringify(second);
    case "<":
      return int(first) < int(second);
    case "<=":
      return int(first) <= int(second);
    case ">":
      return int(first) > int(second);
    case ">=":
      return int(first) >= int(second);
    case "+":
      return int(first) + int(second);
    case "-":
      return int(first) - int(second);
    case "*":
      return int(first) * int(second);
    case "/":
      return Math.trunc(int(first) / int(second));
    default:
      throw new Error(`operator "${operator}" is not used here`);
  }
}

function truth(value: Value): boolean {
  if (typeof value !== "boolean") throw new Error(`expected bool but found ${kindOf(value)}`);
  return value;
}

function int(value: Value): number {
  if (typeof value !== "number") throw new Error(`expected int but found ${kindOf(value)}`);
  return value;
}

function written(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  throw new Error(`${kindOf(value)} cannot stand inside a string`);
}
