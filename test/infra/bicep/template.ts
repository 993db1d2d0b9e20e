import { dirname, join } from "node:path/posix";
import { DEPLOYMENT_FUNCTIONS } from "./check.ts";
import { eachTurn, evaluate, type Scope } from "./evaluate.ts";
import { checkArgument } from "./parameters.ts";
import type { Program, Resource } from "./program.ts";
import { runtimeView, surroundingFunction } from "./runtime.ts";
import {
  BicepError,
  type BicepFile,
  type Declaration,
  type ModuleDeclaration,
  type Parameter,
  type ResourceDeclaration,
} from "./syntax.ts";
import {
  type Bag,
  isBag,
  isList,
  type Json,
  ModuleReference,
  ResourceReference,
  toJson,
  type Value,
} from "./values.ts";

/** One file being deployed with its arguments. */
export class Deployment {
  readonly #program: Program;
  readonly #file: BicepFile;
  readonly #arguments: ReadonlyMap<string, Json>;
  readonly #symbols: ReadonlyMap<string, Declaration>;
  readonly #cache = new Map<string, Value>();

  constructor(program: Program, file: BicepFile, given: Readonly<Record<string, Json>>) {
    this.#program = program;
    this.#file = file;
    const named = file.declarations.filter(({ kind }) => kind !== "output");
    this.#symbols = new Map(named.map((declaration) => [declaration.name, declaration]));
    this.#arguments = new Map(Object.entries(given));
    for (const name of this.#arguments.keys()) {
      if (this.#symbols.get(name)?.kind !== "param")
        throw new BicepError(file.path, 1, `there is no parameter "${name}"`);
    }
  }

  /** Evaluates everything, also what nothing refers to, and returns the outputs. */
  run(): Readonly<Record<string, Json>> {
    for (const name of this.#symbols.keys()) this.#symbol(name, false);
    const outputs: Record<string, Json> = {};
    for (const declaration of this.#file.declarations) {
      if (declaration.kind !== "output") continue;
      const value = toJson(evaluate(declaration.value, this.#scope(false)));
      checkArgument(this.#file.path, declaration, declaration.type, value);
      outputs[declaration.name] = value;
    }
    return outputs;
  }

  #scope(start: boolean, locals: Scope["locals"] = new Map()): Scope {
    return {
      file: this.#file.path,
      start,
      locals,
      symbol: (name, when) => this.#symbol(name, when),
      call: (name, args) => this.#call(name, args),
    };
  }

  #symbol(name: string, start: boolean): Value {
    const declaration = this.#symbols.get(name);
    if (declaration === undefined) throw new Error(`"${name}" is not defined`);
    // A variable may be known while names are computed or only later: keep the two apart.
    const key = declaration.kind === "var" ? `${name} ${start}` : name;
    const known = this.#cache.get(key);
    if (known !== undefined || this.#cache.has(key)) return known ?? null;
    const value = this.#declared(declaration, start);
    this.#cache.set(key, value);
    return value;
  }

  #declared(declaration: Declaration, start: boolean): Value {
    switch (declaration.kind) {
      case "param":
        return this.#parameter(declaration);
      case "var":
        return evaluate(declaration.value, this.#scope(start));
      case "resource":
        return this.#turns(declaration, (scope, suffix) => this.#resource(declaration, scope, suffix));
      case "module":
        return this.#turns(declaration, (scope, suffix) => this.#module(declaration, scope, suffix));
      case "output":
        throw new Error(`output "${declaration.name}" is not a value`);
    }
  }

  #parameter(declaration: Parameter): Json {
    const given = this.#arguments.get(declaration.name);
    if (given === undefined && declaration.fallback === undefined) {
      throw new BicepError(this.#file.path, declaration.line, `parameter "${declaration.name}" needs a value`);
    }
    const value = given ?? toJson(declaration.fallback ? evaluate(declaration.fallback, this.#scope(true)) : null);
    checkArgument(this.#file.path, declaration, declaration.type, value);
    return value;
  }

  #turns(declaration: ResourceDeclaration | ModuleDeclaration, make: (scope: Scope, suffix: string) => Value): Value {
    const scope = this.#scope(true);
    const { loop } = declaration.body;
    if (loop === undefined) return make(scope, "");
    return eachTurn(loop, scope).map((turn, at) => make(turn, `[${at}]`));
  }

  #resource(declaration: ResourceDeclaration, scope: Scope, suffix: string): Value {
    const { type, apiVersion, existing, line } = declaration;
    this.#program.checkType(this.#file.path, line, type, apiVersion);
    const deployed = this.#condition(declaration, scope);
    const identity = this.#identity(declaration, scope);
    const symbol = `${declaration.name}${suffix}`;
    const body = (): Json => this.#body(declaration, scope);
    const reference = new ResourceReference({ symbol, type, apiVersion, deployed, ...identity }, () =>
      mergeJson(existing ? {} : body(), runtimeView(type, identity.fullName.split("/").at(-1) ?? "", identity.id)),
    );
    if (!existing && deployed) {
      const { fullName, id, scopeId } = identity;
      const made: Resource = {
        type,
        apiVersion,
        name: fullName,
        id,
        scopeId,
        file: this.#file.path,
        symbol,
        line,
        body,
      };
      this.#program.add(made);
    }
    return reference;
  }

  /** Name, parent and scope, computed from what is known when the deployment starts. */
  #identity(
    declaration: ResourceDeclaration,
    scope: Scope,
  ): { fullName: string; id: string; scopeId: string | undefined } {
    const { type, body, line } = declaration;
    const get = (key: string): Value | undefined => {
      const property = body.object.properties.find((one) => one.key.kind === "literal" && one.key.value === key);
      return property && evaluate(property.value, scope);
    };
    const own = get("name");
    if (typeof own !== "string" || own === "") throw this.#fault(line, "a name must be a string that is not empty");
    const parent = get("parent");
    const target = get("scope");
    const segments = type.split("/").slice(1);
    if (parent !== undefined) {
      const parentType = type.slice(0, type.lastIndexOf("/"));
      if (!(parent instanceof ResourceReference) || parent.type !== parentType) {
        throw this.#fault(line, `the parent of ${type} must be a ${parentType}`);
      }
      if (own.includes("/")) throw this.#fault(line, "the name of a child is one segment");
      return {
        fullName: `${parent.fullName}/${own}`,
        id: `${parent.id}/${segments.at(-1)}/${own}`,
        scopeId: undefined,
      };
    }
    const names = own.split("/");
    if (names.length !== segments.length)
      throw this.#fault(line, `${type} needs a parent or a name of ${segments.length} segments`);
    const path = segments.map((segment, at) => `${segment}/${names[at]}`).join("/");
    const scopeId = target instanceof ResourceReference ? target.id : undefined;
    const at = scopeId ?? (target === undefined ? this.#program.groupId : this.#groupId(target, line));
    return { fullName: own, id: `${at}/providers/${type.split("/")[0]}/${path}`, scopeId };
  }

  #groupId(target: Value, line: number): string {
    if (isBag(target) && typeof target.id === "string") return target.id;
    throw this.#fault(line, "a scope is a resource or a resource group");
  }

  #condition(declaration: ResourceDeclaration | ModuleDeclaration, scope: Scope): boolean {
    const { condition } = declaration.body;
    if (condition === undefined) return true;
    const value = evaluate(condition, scope);
    if (typeof value !== "boolean") throw this.#fault(condition.line, "a condition must be bool");
    return value;
  }

  #body(declaration: ResourceDeclaration, scope: Scope): Json {
    const made: Record<string, Json> = {};
    for (const { key, value, line } of declaration.body.object.properties) {
      const name = key.kind === "literal" ? String(key.value) : "";
      if (name === "parent" || name === "scope" || name === "name") continue;
      const result = evaluate(value, { ...scope, start: false });
      if (name === "dependsOn") this.#checkDependencies(result, line);
      else if (result !== null) made[name] = this.#concrete(result, line);
    }
    return made;
  }

  #checkDependencies(value: Value, line: number): void {
    const flat = isList(value) ? value.flatMap((one) => (isList(one) ? one : [one])) : [value];
    if (!flat.every((one) => one instanceof ResourceReference || one instanceof ModuleReference)) {
      throw this.#fault(line, "dependsOn lists resources and modules");
    }
  }

  #concrete(value: Value, line: number): Json {
    try {
      return toJson(value);
    } catch (thrown) {
      throw this.#fault(line, thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #module(declaration: ModuleDeclaration, scope: Scope, suffix: string): Value {
    const symbol = `${declaration.name}${suffix}`;
    const path = join(dirname(this.#file.path), declaration.path);
    const deployed = this.#condition(declaration, scope);
    let outputs: Readonly<Record<string, Json>> | undefined;
    const run = (): Readonly<Record<string, Json>> => {
      outputs ??= this.#program.load(path).deploy(this.#moduleArguments(declaration, scope));
      return outputs;
    };
    this.#program.checkModuleName(this.#file.path, declaration.line, this.#moduleName(declaration, scope));
    if (deployed) this.#program.later(run);
    else this.#program.load(path);
    return new ModuleReference(symbol, deployed, run);
  }

  #moduleName(declaration: ModuleDeclaration, scope: Scope): string {
    const property = declaration.body.object.properties.find(
      ({ key }) => key.kind === "literal" && key.value === "name",
    );
    const name = property && evaluate(property.value, scope);
    if (typeof name !== "string") throw this.#fault(declaration.line, "a module's name must be a string");
    return name;
  }

  #moduleArguments(declaration: ModuleDeclaration, scope: Scope): Record<string, Json> {
    const property = declaration.body.object.properties.find(
      ({ key }) => key.kind === "literal" && key.value === "params",
    );
    if (property === undefined) return {};
    const value = evaluate(property.value, { ...scope, start: false });
    if (!isBag(value)) throw this.#fault(property.line, "params must be an object");
    return Object.fromEntries(
      Object.entries(value as Bag).map(([key, inner]) => [key, this.#concrete(inner, property.line)]),
    );
  }

  #call(name: string, args: readonly Value[]): Value | undefined {
    if (!DEPLOYMENT_FUNCTIONS.has(name)) return undefined;
    const words = args.map((arg) => {
      if (typeof arg !== "string") throw new Error(`${name} takes strings`);
      return arg;
    });
    if (name === "loadJsonContent") return JSON.parse(this.#program.read(this.#beside(words[0]))) as Json;
    if (name === "loadTextContent") return this.#program.read(this.#beside(words[0]));
    if (name.toLowerCase().endsWith("resourceid")) return this.#program.idOf(name, words);
    if (name === "resourceGroup" && words.length > 0) return { id: this.#program.otherGroup(words) };
    return surroundingFunction(name, this.#program.surroundings);
  }

  #beside(path: string | undefined): string {
    return join(dirname(this.#file.path), path ?? "");
  }

  #fault(line: number, message: string): BicepError {
    return new BicepError(this.#file.path, line, message);
  }
}

function mergeJson(left: Json, right: Json): Json {
  if (!isBag(left) || !isBag(right)) return right;
  const merged: Record<string, Json> = { ...(left as Record<string, Json>) };
  for (const [key, value] of Object.entries(right as Record<string, Json>)) {
    const before = merged[key];
    merged[key] = before === undefined ? value : mergeJson(before, value);
  }
  return merged;
}
