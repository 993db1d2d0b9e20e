import { guid } from "./functions.ts";
import type { Json } from "./values.ts";

/** Where a deployment runs; the values look like real ones so that lengths and formats are tested too. */
export interface Surroundings {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly location: string;
}

/** Marks every value that must never leave a deployment. */
export const SECRET_MARK = "SECRET:";

type Fill = (name: string, id: string) => Json;

/** Properties that the service fills in, for the types whose properties `infra/` reads. */
const RUNTIME: Readonly<Record<string, Fill>> = {
  "Microsoft.Storage/storageAccounts": (name) => ({
    properties: {
      primaryEndpoints: Object.fromEntries(
        ["blob", "queue", "table", "dfs"].map((kind) => [kind, `https://${name}.${kind}.core.windows.net/`]),
      ),
    },
  }),
  "Microsoft.ManagedIdentity/userAssignedIdentities": (_, id) => ({
    properties: { principalId: guid("principal", id), clientId: guid("client", id) },
  }),
  "Microsoft.Insights/components": (_, id) => ({
    properties: { ConnectionString: `InstrumentationKey=${guid("key", id)};IngestionEndpoint=https://in.example/` },
  }),
  "Microsoft.DocumentDB/databaseAccounts": (name) => ({
    properties: { documentEndpoint: `https://${name}.documents.azure.com:443/` },
  }),
  "Microsoft.KeyVault/vaults": (name) => ({ properties: { vaultUri: `https://${name}.vault.azure.net/` } }),
  "Microsoft.KeyVault/vaults/keys": (name, id) => ({
    properties: { keyUri: `https://${vaultOf(id)}.vault.azure.net/keys/${name}` },
  }),
  "Microsoft.KeyVault/vaults/secrets": (name, id) => ({
    properties: { secretUri: `https://${vaultOf(id)}.vault.azure.net/secrets/${name}` },
  }),
  "Microsoft.Web/sites": (name) => ({ properties: { defaultHostName: `${name}.azurewebsites.net` } }),
};

function vaultOf(id: string): string {
  return /vaults\/([^/]+)/.exec(id)?.[1] ?? "";
}

/** What the service would add to a resource of this type, or an empty object. */
export function runtimeView(type: string, name: string, id: string): Json {
  return RUNTIME[type]?.(name, id) ?? {};
}

/** What `resource.listKeys()` answers. */
export function listKeys(type: string, id: string): Json {
  if (!type.endsWith("/authorizationRules")) throw new Error(`listKeys() of ${type} is not expected anywhere`);
  return { primaryConnectionString: `${SECRET_MARK}Endpoint=sb://x;SharedAccessKey=${guid("sas", id)}` };
}

/** Answers the functions that tell where the deployment runs. */
export function surroundingFunction(name: string, at: Surroundings): Json | undefined {
  const subscription = `/subscriptions/${at.subscriptionId}`;
  const group = `${subscription}/resourceGroups/${at.resourceGroup}`;
  switch (name) {
    case "resourceGroup":
      return { id: group, name: at.resourceGroup, location: at.location };
    case "subscription":
      return { id: subscription, subscriptionId: at.subscriptionId, tenantId: at.tenantId };
    case "tenant":
      return { tenantId: at.tenantId };
    case "environment":
      return { suffixes: { storage: "core.windows.net", keyvaultDns: ".vault.azure.net" } };
    default:
      return undefined;
  }
}
