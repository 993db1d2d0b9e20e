import type { Manifest } from "../../../lib/cli/infra/manifest.ts";
import type { ConcreteResource, Evaluated } from "../bicep/program.ts";
import type { Json } from "../bicep/values.ts";

/** An environment, or a variation of one, together with what it came to. */
export interface Case {
  readonly name: string;
  readonly parameters: Readonly<Record<string, Json>>;
  readonly manifest: Manifest;
  readonly evaluated: Evaluated;
}

/** Something that must hold in every case; `check` answers one sentence for each place where it does not. */
export interface Assertion {
  readonly name: string;
  readonly check: (one: Case) => readonly string[];
}

export const STORAGE = "Microsoft.Storage/storageAccounts";
export const NAMESPACE = "Microsoft.EventHub/namespaces";
export const HUB = "Microsoft.EventHub/namespaces/eventhubs";
export const COSMOS = "Microsoft.DocumentDB/databaseAccounts";
export const VAULT = "Microsoft.KeyVault/vaults";
export const SITE = "Microsoft.Web/sites";
export const WORKSPACE = "Microsoft.OperationalInsights/workspaces";
export const INSIGHTS = "Microsoft.Insights/components";
export const ROLE = "Microsoft.Authorization/roleAssignments";
export const COSMOS_ROLE = "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments";
export const ENDPOINT = "Microsoft.Network/privateEndpoints";

export function ofType(one: Case, type: string): readonly ConcreteResource[] {
  return one.evaluated.resources.filter((resource) => resource.type === type);
}

/** Storage accounts by what they are for: the third letter of the name says it. */
export function account(one: Case, kind: "host" | "data" | "capture"): ConcreteResource | undefined {
  return ofType(one, STORAGE).find(({ name }) => name.startsWith(`st${kind.charAt(0)}`));
}

/** The value at a dotted path, or undefined. */
export function get(resource: ConcreteResource | undefined, path: string): Json | undefined {
  let value: Json | undefined = resource?.body;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    value = (value as Readonly<Record<string, Json>>)[key];
  }
  return value;
}

/** A list at a dotted path; empty when there is none. */
export function list<T = Readonly<Record<string, Json>>>(
  resource: ConcreteResource | undefined,
  path: string,
): readonly T[] {
  const value = get(resource, path);
  return Array.isArray(value) ? (value as T[]) : [];
}

/** One finding for each resource of a type whose value at a path is not the expected one. */
export function mustBe(one: Case, type: string, path: string, expected: Json): string[] {
  return ofType(one, type)
    .filter((resource) => JSON.stringify(get(resource, path)) !== JSON.stringify(expected))
    .map(
      (resource) =>
        `${resource.name}: ${path} is ${JSON.stringify(get(resource, path))}, not ${JSON.stringify(expected)}`,
    );
}

/** A parameter's value in this case, or what the template says when it is not given. */
export function parameter<T extends Json>(one: Case, name: string, fallback: T): Widened<T> {
  return (one.parameters[name] ?? fallback) as Widened<T>;
}

/** The type of a parameter whose fallback is a literal. */
type Widened<T> = T extends string ? string : T extends number ? number : T extends boolean ? boolean : T;

export function isPrivate(one: Case): boolean {
  const access = parameter(one, "networkAccess", "private");
  const ranges = parameter<readonly string[]>(one, "allowedIpRanges", []);
  return access === "private" || (access === "restricted" && ranges.length === 0);
}

export function hasNetwork(one: Case): boolean {
  return parameter(one, "networkAccess", "private") !== "public";
}

export function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
