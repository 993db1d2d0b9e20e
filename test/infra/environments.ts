import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Evaluated, evaluateProgram } from "./bicep/program.ts";
import type { Surroundings } from "./bicep/runtime.ts";
import type { Json } from "./bicep/values.ts";
import { KNOWN_TYPES } from "./known-types.ts";

export const INFRA = resolve(import.meta.dirname, "../../infra");

export const SURROUNDINGS: Surroundings = {
  tenantId: "72f988bf-86f1-41af-91ab-2d7cd011db47",
  subscriptionId: "8f6b3c0e-5f0a-4d3c-9a52-0d6f5f7c9e21",
  resourceGroup: "rg-tidemark",
  location: "westeurope",
};

/** What azd, or whoever deploys, puts for the `${…}` of a parameter file. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { AZURE_LOCATION: "westeurope" };

export type Parameters = Readonly<Record<string, Json>>;
export type Edit = (path: string, text: string) => string;
export type EnvironmentName = "dev" | "prod";

const PARAMETER_FILES: Readonly<Record<EnvironmentName, string>> = {
  dev: "main.parameters.json",
  prod: "main.parameters.prod.json",
};

/** The parameters of an environment, with placeholders filled in. */
export function parametersOf(environment: EnvironmentName): Record<string, Json> {
  const text = readFileSync(resolve(INFRA, PARAMETER_FILES[environment]), "utf8");
  const filled = text.replaceAll(/\$\{(\w+)(=([^}]*))?\}/g, (whole, name: string, _, fallback?: string) => {
    const value = PLACEHOLDERS[name] ?? fallback;
    if (value === undefined) throw new Error(`nothing fills in ${whole}`);
    return value;
  });
  const { parameters } = JSON.parse(filled) as { parameters: Record<string, { value: Json }> };
  return Object.fromEntries(Object.entries(parameters).map(([name, { value }]) => [name, value]));
}

/**
 * Evaluates `main.bicep`. `replace` may stand another file in, such as the manifest; what `edit` makes of a file is not
 * held to using everything it declares, so a test can break the template with it.
 */
export function evaluateInfra(parameters: Parameters, replace: Edit = unchanged, edit?: Edit): Evaluated {
  return evaluateProgram("main.bicep", parameters, {
    read: (path) => (edit ?? unchanged)(path, replace(path, readInfra(path))),
    allowUnused: edit !== undefined,
    surroundings: SURROUNDINGS,
    types: KNOWN_TYPES,
  });
}

function unchanged(_: string, text: string): string {
  return text;
}

const files = new Map<string, string>();

function readInfra(path: string): string {
  const text = files.get(path) ?? readFileSync(resolve(INFRA, path), "utf8");
  files.set(path, text);
  return text;
}
