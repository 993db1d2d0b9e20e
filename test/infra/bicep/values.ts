import type { Expression } from "./syntax.ts";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A resource as an expression sees it: its identity at once, its properties only when the deployment runs. */
export class ResourceReference {
  readonly symbol: string;
  readonly type: string;
  readonly apiVersion: string;
  /** Every segment of the name, parents first. */
  readonly fullName: string;
  readonly id: string;
  /** False when it is under a condition that does not hold; then only `id` and `name` may be read. */
  readonly deployed: boolean;
  readonly #view: () => Json;

  constructor(
    fields: Pick<ResourceReference, "symbol" | "type" | "apiVersion" | "fullName" | "id" | "deployed">,
    view: () => Json,
  ) {
    this.symbol = fields.symbol;
    this.type = fields.type;
    this.apiVersion = fields.apiVersion;
    this.fullName = fields.fullName;
    this.id = fields.id;
    this.deployed = fields.deployed;
    this.#view = view;
  }

  get name(): string {
    return this.fullName.split("/").at(-1) ?? "";
  }

  /** Declared properties together with those the service would fill in. */
  view(): Json {
    return this.#view();
  }
}

/** A module as an expression sees it. */
export class ModuleReference {
  readonly symbol: string;
  readonly deployed: boolean;
  readonly #outputs: () => Json;

  constructor(symbol: string, deployed: boolean, outputs: () => Json) {
    this.symbol = symbol;
    this.deployed = deployed;
    this.#outputs = outputs;
  }

  outputs(): Json {
    return this.#outputs();
  }
}

export class Closure {
  readonly params: readonly string[];
  readonly body: Expression;
  readonly call: (args: readonly Value[]) => Value;

  constructor(params: readonly string[], body: Expression, call: (args: readonly Value[]) => Value) {
    this.params = params;
    this.body = body;
    this.call = call;
  }
}

export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [key: string]: Value }
  | ResourceReference
  | ModuleReference
  | Closure;

export type Bag = { readonly [key: string]: Value };

export function isBag(value: Value): value is Bag {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ResourceReference) &&
    !(value instanceof ModuleReference) &&
    !(value instanceof Closure)
  );
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function kindOf(value: Value): string {
  if (value === null) return "null";
  if (isList(value)) return "array";
  if (value instanceof ResourceReference) return "resource";
  if (value instanceof ModuleReference) return "module";
  if (value instanceof Closure) return "lambda";
  return isBag(value) ? "object" : typeof value === "boolean" ? "bool" : typeof value === "number" ? "int" : "string";
}

/** The plain value, with null properties dropped as Resource Manager does; throws on what cannot be written as JSON. */
export function toJson(value: Value): Json {
  if (isList(value)) return value.map(toJson);
  if (isBag(value)) {
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, toJson(inner)]])),
    );
  }
  if (value === null || typeof value !== "object") return value;
  throw new Error(`a ${kindOf(value)} is not a value: name one of its properties`);
}
