import { FUNCTIONS } from "./functions.ts";
import { BicepError, type BicepFile, type Body, childrenOf, type Declaration, type Expression } from "./syntax.ts";

/** Functions that the deployment itself answers. */
export const DEPLOYMENT_FUNCTIONS: ReadonlySet<string> = new Set([
  "loadJsonContent",
  "loadTextContent",
  "resourceGroup",
  "subscription",
  "tenant",
  "environment",
  "resourceId",
  "subscriptionResourceId",
  "tenantResourceId",
]);

const METHODS = new Set(["listKeys"]);
const RESOURCE_KEYS = new Set(
  "name,location,tags,identity,sku,kind,properties,parent,scope,dependsOn,zones,etag,plan,managedBy".split(","),
);
const MODULE_KEYS = new Set(["name", "params", "dependsOn"]);

/** Finds what can be known wrong without evaluating: names, arity of symbols, cycles, things never used. */
export function checkFile(file: BicepFile, allowUnused = false): void {
  const symbols = new Map<string, Declaration>();
  for (const declaration of file.declarations) {
    // Outputs have names of their own.
    if (declaration.kind === "output") continue;
    if (symbols.has(declaration.name)) throw fault(file, declaration.line, `"${declaration.name}" is declared twice`);
    symbols.set(declaration.name, declaration);
  }
  const outputs = file.declarations.filter(({ kind }) => kind === "output").map(({ name }) => name);
  const doubled = outputs.find((name, at) => outputs.indexOf(name) !== at);
  if (doubled !== undefined) throw fault(file, 1, `output "${doubled}" is declared twice`);

  const uses = new Map(file.declarations.map((declaration) => [declaration, usesOf(file, declaration, symbols)]));
  const used = new Set([...uses.values()].flatMap((names) => [...names]));
  for (const declaration of file.declarations) {
    if (!allowUnused) checkUse(file, declaration, used);
    if (declaration.kind === "resource") checkKeys(file, declaration.body, RESOURCE_KEYS, ["name"]);
    if (declaration.kind === "module") checkKeys(file, declaration.body, MODULE_KEYS, ["name"]);
  }
  checkCycles(file, symbols, uses);
}

function checkUse(file: BicepFile, declaration: Declaration, used: ReadonlySet<string>): void {
  const { kind, name, line } = declaration;
  const mustBeUsed = kind === "param" || kind === "var" || (kind === "resource" && declaration.existing);
  if (mustBeUsed && !used.has(name)) throw fault(file, line, `"${name}" is never used`);
}

function checkKeys(file: BicepFile, body: Body, allowed: ReadonlySet<string>, needed: readonly string[]): void {
  const keys = body.object.properties.map(({ key, line }) => {
    if (key.kind !== "literal") throw fault(file, line, "a property at the top has a plain name");
    return [String(key.value), line] as const;
  });
  for (const [key, line] of keys) if (!allowed.has(key)) throw fault(file, line, `"${key}" is not a property here`);
  for (const key of needed) {
    if (!keys.some(([name]) => name === key)) throw fault(file, body.object.line, `"${key}" is missing`);
  }
}

function usesOf(file: BicepFile, declaration: Declaration, symbols: ReadonlyMap<string, Declaration>): Set<string> {
  const found = new Set<string>();
  const visit = (node: Expression, locals: ReadonlySet<string>): void => {
    if (node.kind === "name" && !locals.has(node.name)) {
      if (!symbols.has(node.name)) throw fault(file, node.line, `"${node.name}" is not defined`);
      found.add(node.name);
    }
    if (node.kind === "call" && !FUNCTIONS.has(node.name) && !DEPLOYMENT_FUNCTIONS.has(node.name)) {
      throw fault(file, node.line, `unknown function "${node.name}"`);
    }
    if (node.kind === "method" && !METHODS.has(node.name)) {
      throw fault(file, node.line, `unknown method "${node.name}"`);
    }
    for (const child of childrenOf(node)) visit(child, child === over(node) ? locals : withNames(locals, node));
  };
  for (const [expression, locals] of expressionsOf(declaration)) visit(expression, locals);
  return found;
}

/** What a loop runs over does not see the loop's own variable. */
function over(node: Expression): Expression | undefined {
  return node.kind === "for" ? node.loop.over : undefined;
}

function withNames(locals: ReadonlySet<string>, node: Expression): ReadonlySet<string> {
  if (node.kind === "lambda") return new Set([...locals, ...node.params]);
  if (node.kind === "for") return new Set([...locals, ...loopNames(node.loop)]);
  return locals;
}

function loopNames({ item, index }: { item: string; index: string | undefined }): string[] {
  return index === undefined ? [item] : [item, index];
}

function expressionsOf(declaration: Declaration): [Expression, ReadonlySet<string>][] {
  const none: ReadonlySet<string> = new Set();
  const decorators = declaration.decorators.flatMap(({ args }) => args).map((arg) => [arg, none] as const);
  return [...decorators.map(([arg]): [Expression, ReadonlySet<string>] => [arg, none]), ...bodyOf(declaration, none)];
}

function bodyOf(declaration: Declaration, none: ReadonlySet<string>): [Expression, ReadonlySet<string>][] {
  switch (declaration.kind) {
    case "param":
      return declaration.fallback === undefined ? [] : [[declaration.fallback, none]];
    case "var":
    case "output":
      return [[declaration.value, none]];
    case "resource":
    case "module": {
      const { loop, condition, object } = declaration.body;
      const inside: ReadonlySet<string> = loop === undefined ? none : new Set(loopNames(loop));
      return [
        ...(loop === undefined ? [] : [[loop.over, none] as [Expression, ReadonlySet<string>]]),
        ...(condition === undefined ? [] : [[condition, inside] as [Expression, ReadonlySet<string>]]),
        [object, inside],
      ];
    }
  }
}

function checkCycles(
  file: BicepFile,
  symbols: ReadonlyMap<string, Declaration>,
  uses: ReadonlyMap<Declaration, ReadonlySet<string>>,
): void {
  const done = new Set<Declaration>();
  const visit = (declaration: Declaration, path: readonly Declaration[]): void => {
    if (path.includes(declaration)) {
      const names = [...path.slice(path.indexOf(declaration)), declaration].map(({ name }) => name);
      throw fault(file, declaration.line, `cycle: ${names.join(" → ")}`);
    }
    if (done.has(declaration)) return;
    for (const name of uses.get(declaration) ?? []) {
      const next = symbols.get(name);
      if (next !== undefined) visit(next, [...path, declaration]);
    }
    done.add(declaration);
  };
  for (const declaration of symbols.values()) visit(declaration, []);
}

function fault(file: BicepFile, line: number, message: string): BicepError {
  return new BicepError(file.path, line, message);
}
