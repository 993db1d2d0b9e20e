import type { Environment } from "../../azure/settings.ts";
import { TidemarkError } from "../../errors.ts";
import type { Arm } from "./arm.ts";

const VERSIONS = {
  sites: "2025-03-01",
  hubs: "2024-01-01",
  cosmos: "2025-10-15",
  roles: "2022-04-01",
  storage: "2025-08-01",
} as const;

interface Resource {
  readonly id: string;
  readonly name: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A right that the app's identity has: a role's GUID at a place. */
export interface Grant {
  readonly role: string;
  readonly place: string;
}

/** A function as it was published. */
export interface DeployedFunction {
  readonly disabled: boolean;
  /** The properties of its trigger, such as `schedule`. */
  readonly binding: Readonly<Record<string, unknown>>;
}

/** The deployed function app, read through Azure Resource Manager. */
export interface Deployed {
  readonly isPrivate: boolean;
  readonly settings: Environment;
  readonly memoryMB: number;
  readonly maximumInstances: number;
  /** The pipelines' namespace, its tier and its hubs with their consumer groups. */
  readonly namespace: {
    readonly id: string;
    readonly tier: string;
    readonly hubs: ReadonlyMap<string, readonly string[]>;
  };
  readonly cosmosId: string | undefined;
  readonly dataAccountId: string | undefined;
  readonly grants: readonly Grant[];
  /** By name; empty before anything was published. */
  readonly functions: ReadonlyMap<string, DeployedFunction>;
}

interface Site extends Resource {
  readonly identity?: { readonly userAssignedIdentities?: Readonly<Record<string, { readonly principalId?: string }>> };
  readonly properties: {
    readonly publicNetworkAccess?: string;
    readonly functionAppConfig?: {
      readonly scaleAndConcurrency?: { readonly instanceMemoryMB?: number; readonly maximumInstanceCount?: number };
    };
  };
}

/** Reads a function app and what it works with, all of one resource group; throws what `Arm` throws. */
export async function readDeployed(arm: Arm, groupId: string, appName: string): Promise<Deployed> {
  const site = await arm.get<Site>(`${groupId}/providers/Microsoft.Web/sites/${appName}`, VERSIONS.sites);
  const { properties: settings } = await arm.listSettings(site.id, VERSIONS.sites);
  const find = async (type: string, version: string, host: string): Promise<Resource | undefined> => {
    const all = await arm.list<Resource>(`${groupId}/providers/${type}`, version);
    return all.find(({ name }) => host.startsWith(`${name}.`));
  };
  const hostOf = (suffix: string) => hostIn(settings, suffix);
  const namespace = await find("Microsoft.EventHub/namespaces", VERSIONS.hubs, hostOf("__fullyQualifiedNamespace"));
  if (!namespace)
    throw new TidemarkError(
      "NOT_FOUND",
      `No namespace of the resource group is "${hostOf("__fullyQualifiedNamespace")}".`,
    );
  const cosmos = await find("Microsoft.DocumentDB/databaseAccounts", VERSIONS.cosmos, hostOf("__accountEndpoint"));
  const data = await find("Microsoft.Storage/storageAccounts", VERSIONS.storage, hostOf("__blobServiceUri"));
  const principals = Object.values(site.identity?.userAssignedIdentities ?? {}).flatMap(
    ({ principalId }) => principalId ?? [],
  );
  const scale = site.properties.functionAppConfig?.scaleAndConcurrency;
  return {
    isPrivate: site.properties.publicNetworkAccess === "Disabled",
    settings,
    memoryMB: scale?.instanceMemoryMB ?? 2048,
    maximumInstances: scale?.maximumInstanceCount ?? 100,
    namespace: { id: namespace.id, tier: tierOf(namespace), hubs: await readHubs(arm, namespace.id) },
    cosmosId: cosmos?.id,
    dataAccountId: data?.id,
    grants: await readGrants(arm, groupId, cosmos?.id, principals),
    functions: await readFunctions(arm, site.id),
  };
}

async function readFunctions(arm: Arm, siteId: string): Promise<Map<string, DeployedFunction>> {
  type Published = Resource & {
    properties: { isDisabled?: boolean; config?: { bindings?: readonly Readonly<Record<string, unknown>>[] } };
  };
  const all = await arm.list<Published>(`${siteId}/functions`, VERSIONS.sites);
  return new Map(
    all.map(({ name, properties: { isDisabled = false, config } }) => {
      const trigger = config?.bindings?.find(({ type }) => /trigger$/i.test(String(type)));
      // A function is named APP/FUNCTION.
      return [name.split("/").at(-1) ?? name, { disabled: isDisabled, binding: trigger ?? {} }];
    }),
  );
}

function hostIn(settings: Environment, suffix: string): string {
  const [, value = ""] = Object.entries(settings).find(([name]) => name.endsWith(suffix)) ?? [];
  return value.replace(/^https:\/\//, "");
}

function tierOf(namespace: Resource): string {
  const { sku } = namespace as Resource & { readonly sku?: { readonly name?: string } };
  return namespace.properties.clusterArmId ? "Dedicated" : (sku?.name ?? "Standard");
}

async function readHubs(arm: Arm, namespaceId: string): Promise<Map<string, string[]>> {
  const hubs = await arm.list<Resource>(`${namespaceId}/eventhubs`, VERSIONS.hubs);
  const groups = hubs.map(async ({ name }): Promise<[string, string[]]> => {
    const list = await arm.list<Resource>(`${namespaceId}/eventhubs/${name}/consumergroups`, VERSIONS.hubs);
    return [name, list.map((group) => group.name)];
  });
  return new Map(await Promise.all(groups));
}

async function readGrants(
  arm: Arm,
  groupId: string,
  cosmosId: string | undefined,
  principals: readonly string[],
): Promise<Grant[]> {
  type Assignment = { properties: { roleDefinitionId: string; principalId: string; scope: string } };
  const azure = await Promise.all(
    principals.map((principal) => {
      const filter = encodeURIComponent(`principalId eq '${principal}'`);
      return arm.list<Assignment>(
        `${groupId}/providers/Microsoft.Authorization/roleAssignments?$filter=${filter}`,
        VERSIONS.roles,
      );
    }),
  );
  const cosmos = cosmosId ? await arm.list<Assignment>(`${cosmosId}/sqlRoleAssignments`, VERSIONS.cosmos) : [];
  return [...azure.flat(), ...cosmos.filter(({ properties }) => principals.includes(properties.principalId))].map(
    ({ properties }) => {
      return { role: properties.roleDefinitionId.split("/").at(-1) ?? "", place: properties.scope };
    },
  );
}
