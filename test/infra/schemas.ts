import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import type { ConcreteResource } from "./bicep/program.ts";

/** Shapes of resources as their providers publish them; kept beside the repository, since they are not ours. */
export const SCHEMAS = resolve(import.meta.dirname, "../../../shared/azure-types");

export const HAVE_SCHEMAS = existsSync(SCHEMAS);

/** Values that a service takes although its provider does not list them: `TYPE path value`, and how that is known. */
export const UNLISTED: ReadonlyMap<string, string> = new Map<string, string>([]);

/** Types without a published shape, and why that is well. */
export const SHAPELESS: ReadonlyMap<string, string> = new Map<string, string>([]);

const ajv = new Ajv2020({ strict: false, allErrors: true });
// Open enums: a service may accept more than its provider lists, but a slip of the pen looks just like that.
ajv.addKeyword({ keyword: "x-known", validate: isKnown, errors: true });
const validators = new Map<string, ValidateFunction | undefined>();

function isKnown(known: readonly unknown[], value: unknown): boolean {
  return known.includes(value);
}

function validatorOf(type: string, apiVersion: string): ValidateFunction | undefined {
  const key = `${type}@${apiVersion}`;
  if (!validators.has(key)) {
    const file = resolve(SCHEMAS, `${key.replaceAll("/", ".")}.json`);
    validators.set(key, existsSync(file) ? ajv.compile(JSON.parse(readFileSync(file, "utf8"))) : undefined);
  }
  return validators.get(key);
}

/** One sentence for each place where a resource is not of its type's shape. */
export function checkShape(resource: ConcreteResource): string[] {
  const { type, apiVersion, name, body } = resource;
  const validate = validatorOf(type, apiVersion);
  if (validate === undefined) return SHAPELESS.has(type) ? [] : [`${type}@${apiVersion} has no schema`];
  if (validate({ name: name.split("/").at(-1), ...body })) return [];
  return (validate.errors ?? [])
    .filter((error) => !isUnlisted(type, error))
    .map((error) => `${type} ${name}: ${describe(error)}`);
}

function isUnlisted(type: string, { keyword, instancePath, data }: ErrorObject): boolean {
  return keyword === "x-known" && UNLISTED.has(`${type} ${instancePath} ${data}`);
}

function describe({ instancePath, message, keyword, params, schema }: ErrorObject): string {
  const where = instancePath === "" ? "the resource" : instancePath;
  if (keyword === "x-known") return `${where} must be one of ${JSON.stringify(schema)}`;
  return `${where} ${message} ${JSON.stringify(params)}`;
}
