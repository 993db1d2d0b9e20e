import { readersOf } from "../../../lib/cli/infra/manifest.ts";
import type { ConcreteResource } from "../bicep/program.ts";
import {
  type Assertion,
  account,
  type Case,
  COSMOS,
  get,
  HUB,
  list,
  mustBe,
  NAMESPACE,
  ofType,
  parameter,
  SITE,
  STORAGE,
  same,
  VAULT,
} from "./case.ts";

const CONTAINER = `${STORAGE}/blobServices/containers`;

function childNames(one: Case, type: string, parent: ConcreteResource | undefined): string[] {
  const children = ofType(one, type).filter(({ id }) => parent !== undefined && id.startsWith(`${parent.id}/`));
  return children.map(({ name }) => name.split("/").at(-1) ?? "").sort();
}

function checkAccounts(one: Case): string[] {
  const data = account(one, "data");
  const host = account(one, "host");
  const wanted = one.manifest.blobContainers.map(({ name }) => name).sort();
  const queues = one.manifest.queues.map(({ name }) => name).sort();
  const captured = one.manifest.hubs.some((hub) => captureOf(one, hub) !== undefined);
  return [
    ...(same(childNames(one, CONTAINER, data), wanted)
      ? []
      : ["the pipelines' account has other containers than the manifest"]),
    ...(same(childNames(one, `${STORAGE}/queueServices/queues`, data), queues)
      ? []
      : ["the pipelines' queues are others"]),
    ...(same(childNames(one, CONTAINER, host), ["deployment"])
      ? []
      : ["the host's account holds more than the package"]),
    ...(captured === (account(one, "capture") !== undefined) ? [] : ["the account for Capture is there without need"]),
    ...(captured && get(account(one, "capture"), "properties.isHnsEnabled") !== true ? ["Capture has no folders"] : []),
    ...(get(data, "properties.isHnsEnabled") === false ? [] : ["checkpoints need an account without folders"]),
  ];
}

function checkLifecycle(one: Case): string[] {
  type Rule = {
    enabled: boolean;
    definition: {
      filters: { prefixMatch: readonly string[] };
      actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: number } } };
    };
  };
  const policies = ofType(one, `${STORAGE}/managementPolicies`);
  const rules = policies.flatMap((policy) =>
    list<Rule>(policy, "properties.policy.rules").map((rule) => ({
      policy,
      rule,
      days: rule.definition.actions.baseBlob.delete,
    })),
  );
  const side = one.manifest.blobContainers.flatMap(({ name, expiringFolders }) =>
    expiringFolders.map((folder) => `${name}/${folder}`),
  );
  const expired = rules
    .filter(({ policy, rule }) => rule.enabled && policy.id.startsWith(`${account(one, "data")?.id}/`))
    .flatMap(({ rule }) => rule.definition.filters.prefixMatch);
  const days = parameter(one, "deadLetterRetentionDays", 90);
  const kept = rules.filter(({ policy, days: it }) => {
    return policy.id.startsWith(`${account(one, "data")?.id}/`) && it.daysAfterModificationGreaterThan !== days;
  });
  return [
    ...(same([...expired].sort(), side.sort())
      ? []
      : [`what expires by age is ${expired}, not the side outputs alone`]),
    ...(kept.length > 0 ? ["dead letters are kept for another time than the parameter says"] : []),
    ...(rules.some(({ policy }) => policy.id.startsWith(`${account(one, "host")?.id}/`))
      ? []
      : ["the host's old logs stay for ever"]),
  ];
}

function checkTransport(one: Case): string[] {
  return [
    ...mustBe(one, STORAGE, "properties.minimumTlsVersion", "TLS1_2"),
    ...mustBe(one, STORAGE, "properties.supportsHttpsTrafficOnly", true),
    ...mustBe(one, NAMESPACE, "properties.minimumTlsVersion", "1.2"),
    ...mustBe(one, COSMOS, "properties.minimalTlsVersion", "Tls12"),
    ...mustBe(one, SITE, "properties.httpsOnly", true),
    ...mustBe(one, SITE, "properties.siteConfig.minTlsVersion", "1.2"),
    ...mustBe(one, SITE, "properties.siteConfig.scmMinTlsVersion", "1.2"),
  ];
}

function checkContainers(one: Case): string[] {
  const containers = ofType(one, `${COSMOS}/sqlDatabases/containers`);
  const serverless = parameter(one, "cosmosMode", "autoscale") === "serverless";
  const findings = one.manifest.containers.flatMap((wanted) => {
    const there = containers.find(({ name }) => name.endsWith(`/${wanted.database}/${wanted.name}`));
    if (there === undefined) return [`container ${wanted.database}/${wanted.name} is missing`];
    const excluded = list<{ path: string }>(there, "properties.resource.indexingPolicy.excludedPaths").map(
      ({ path }) => path,
    );
    const throughput = get(there, "properties.options.autoscaleSettings.maxThroughput");
    return [
      ...(same(get(there, "properties.resource.partitionKey.paths"), wanted.partitionKeyPaths)
        ? []
        : [`${there.name} has another key`]),
      ...(get(there, "properties.resource.defaultTtl") === (wanted.defaultTtl ?? undefined)
        ? []
        : [`${there.name} has another TTL`]),
      ...wanted.unindexedPaths
        .filter((path) => !excluded.includes(path))
        .map((path) => `${there.name} indexes ${path}`),
      ...(throughput === (serverless ? undefined : parameter(one, "cosmosMaximumThroughput", 4000))
        ? []
        : [`${there.name} scales to ${throughput}`]),
    ];
  });
  return containers.length === one.manifest.containers.length
    ? findings
    : [...findings, "there are containers nobody asked for"];
}

function checkCosmos(one: Case): string[] {
  const [cosmos] = ofType(one, COSMOS);
  const regions = list<{ locationName: string; failoverPriority: number; isZoneRedundant: boolean }>(
    cosmos,
    "properties.locations",
  );
  const wanted = [
    parameter(one, "location", "westeurope"),
    ...parameter<readonly string[]>(one, "cosmosSecondaryLocations", []),
  ];
  const zones = parameter(one, "zoneRedundant", true);
  const serverless = parameter(one, "cosmosMode", "autoscale") === "serverless";
  const capabilities = list<{ name: string }>(cosmos, "properties.capabilities").map(({ name }) => name);
  return [
    ...(same(
      regions.map(({ locationName }) => locationName),
      wanted,
    )
      ? []
      : ["Cosmos DB is in other regions than asked for"]),
    ...(regions.every(({ failoverPriority }, at) => failoverPriority === at) ? [] : ["the order of failover is wrong"]),
    ...(regions.every(({ isZoneRedundant }) => isZoneRedundant === zones)
      ? []
      : ["Cosmos DB is not as zone redundant as asked for"]),
    ...mustBe(one, COSMOS, "properties.enableMultipleWriteLocations", false),
    ...mustBe(one, COSMOS, "properties.enableAutomaticFailover", wanted.length > 1),
    ...mustBe(one, COSMOS, "properties.backupPolicy.type", "Continuous"),
    ...mustBe(
      one,
      COSMOS,
      "properties.consistencyPolicy.defaultConsistencyLevel",
      parameter(one, "cosmosConsistency", "Session"),
    ),
    ...(same(capabilities, serverless ? ["EnableServerless"] : [])
      ? []
      : ["Cosmos DB has another mode than asked for"]),
  ];
}

function checkKeys(one: Case): string[] {
  const own = parameter(one, "customerManagedKeys", false);
  const tier = parameter(one, "hubTier", "Standard");
  const [vault] = ofType(one, VAULT);
  const uri = `https://${vault?.name}.vault.azure.net/`;
  const hubs = own && tier !== "Standard";
  const wantedKeys = own ? ["cosmos", ...(hubs ? ["hubs"] : []), "storage"] : [];
  const keys = ofType(one, `${VAULT}/keys`)
    .map(({ name }) => name.split("/").at(-1))
    .sort();
  const storageKey = own ? uri.replace(/\/$/, "") : undefined;
  const findings = [
    ...mustBe(one, STORAGE, "properties.encryption.keySource", own ? "Microsoft.Keyvault" : "Microsoft.Storage"),
    ...ofType(one, STORAGE).flatMap((it) =>
      (get(it, "properties.encryption.keyvaultproperties.keyvaulturi") as string | undefined)?.replace(/\/$/, "") ===
      storageKey
        ? []
        : [`${it.name} is encrypted with another vault's key`],
    ),
    ...(["blob", "file", "queue", "table"] as const).flatMap((kind) =>
      mustBe(one, STORAGE, `properties.encryption.services.${kind}.keyType`, "Account"),
    ),
    ...mustBe(one, STORAGE, "properties.encryption.requireInfrastructureEncryption", true),
  ];
  const [cosmos] = ofType(one, COSMOS);
  if ((get(cosmos, "properties.keyVaultKeyUri") === `${uri}keys/cosmos`) !== own)
    findings.push("Cosmos DB's key is not as asked for");
  if ((get(cosmos, "properties.defaultIdentity") !== undefined) !== own)
    findings.push("Cosmos DB's identity is not as asked for");
  for (const namespace of ofType(one, NAMESPACE)) {
    type Key = { keyVaultUri: string; keyName: string; identity?: { userAssignedIdentity: string } };
    const [key] = list<Key>(namespace, "properties.encryption.keyVaultProperties");
    const right = key?.keyVaultUri === uri && key.keyName === "hubs" && key.identity !== undefined;
    if (right !== hubs) findings.push(`${namespace.name}: the customer-managed key is not as asked for`);
  }
  return same(keys, wantedKeys) ? findings : [...findings, `the vault holds the keys ${keys}`];
}

function checkVault(one: Case): string[] {
  const wanted = parameter(one, "customerManagedKeys", false) || one.manifest.hubs.some(({ kafka }) => kafka);
  return [
    ...(ofType(one, VAULT).length === (wanted ? 1 : 0) ? [] : ["the vault is there without need, or missing"]),
    ...mustBe(one, VAULT, "properties.enablePurgeProtection", true),
    ...mustBe(one, VAULT, "properties.networkAcls.bypass", "AzureServices"),
    ...mustBe(one, `${VAULT}/keys`, "properties.rotationPolicy.attributes.expiryTime", "P2Y"),
  ];
}

/** Seconds between two files of Capture, or undefined when a hub is not captured. */
function captureOf(one: Case, { name, capture }: Case["manifest"]["hubs"][number]): number | undefined {
  return parameter<readonly string[]>(one, "capturedHubs", []).includes(name) ? 300 : capture?.intervalSeconds;
}

function checkHubs(one: Case): string[] {
  const hubs = ofType(one, HUB);
  const findings = one.manifest.hubs.flatMap((wanted) => {
    const hub = hubs.find(({ name }) => name.endsWith(`/${wanted.name}`));
    if (hub === undefined) return [`hub ${wanted.name} is missing`];
    const { retentionTimeInHours, tombstoneRetentionTimeInHours, cleanupPolicy } = get(
      hub,
      "properties.retentionDescription",
    ) as Record<string, unknown>;
    const compact = wanted.cleanupPolicy === "Compact";
    const groups = childNames(one, `${HUB}/consumergroups`, hub);
    const capture = get(hub, "properties.captureDescription.intervalInSeconds");
    return [
      ...(get(hub, "properties.partitionCount") === wanted.partitions
        ? []
        : [`${hub.name} has another number of partitions`]),
      ...(cleanupPolicy === wanted.cleanupPolicy ? [] : [`${hub.name} cleans up otherwise`]),
      ...((compact ? tombstoneRetentionTimeInHours : retentionTimeInHours) ===
      (parameter(one, "hubRetentionHours", 0) || wanted.retentionHours)
        ? []
        : [`${hub.name} forgets at another time`]),
      ...(same(
        groups,
        wanted.consumerGroups.filter((group) => group !== "$Default"),
      )
        ? []
        : [`${hub.name} has the groups ${groups}`]),
      ...(capture === captureOf(one, wanted) ? [] : [`${hub.name} is captured otherwise`]),
    ];
  });
  return hubs.length === one.manifest.hubs.length ? findings : [...findings, "there are hubs nobody asked for"];
}

function checkReaders(one: Case): string[] {
  const pairs = readersOf(one.manifest).flatMap(({ hub, consumerGroup, repairGroup }) => [
    `${hub}/${consumerGroup}`,
    `${hub}/${repairGroup}`,
  ]);
  const groups = ofType(one, `${HUB}/consumergroups`).map(({ name }) => name.split("/").slice(1).join("/"));
  const missing = pairs.filter((pair) => !groups.includes(pair));
  return [
    ...missing.map((pair) => `consumer group ${pair} is missing`),
    ...(new Set(pairs).size === pairs.length ? [] : ["two functions share a consumer group"]),
  ];
}

function checkCapture(one: Case): string[] {
  return ofType(one, HUB).flatMap((hub) => {
    const destination = "properties.captureDescription.destination";
    if (get(hub, "properties.captureDescription") === undefined) return [];
    const account_ = get(hub, `${destination}.properties.storageAccountResourceId`);
    return [
      ...(account_ === account(one, "capture")?.id ? [] : [`${hub.name} is captured to another account`]),
      ...(get(hub, `${destination}.identity.type`) === "UserAssigned"
        ? []
        : [`${hub.name} is captured without an identity`]),
      ...(get(account(one, "capture"), "properties.networkAcls.bypass") === "AzureServices"
        ? []
        : ["Capture cannot get in"]),
    ];
  });
}

function checkTier(one: Case): string[] {
  const tier = parameter(one, "hubTier", "Standard");
  const capacity = parameter(one, "hubCapacity", 1);
  const maximum = parameter(one, "hubMaximumCapacity", 0);
  const inflates = tier === "Standard" && maximum > capacity;
  const secondary = parameter(one, "hubSecondaryLocation", "");
  const clusters = ofType(one, "Microsoft.EventHub/clusters");
  const namespaces = ofType(one, NAMESPACE);
  const dedicated = tier === "Dedicated";
  const regions = namespaces.map((it) =>
    list<{ locationName: string; roleType: string }>(it, "properties.geoDataReplication.locations"),
  );
  return [
    ...mustBe(one, NAMESPACE, "sku.name", dedicated ? "Standard" : tier),
    ...mustBe(one, NAMESPACE, "sku.capacity", dedicated ? 1 : capacity),
    ...mustBe(one, NAMESPACE, "properties.isAutoInflateEnabled", inflates),
    ...mustBe(one, NAMESPACE, "properties.maximumThroughputUnits", inflates ? maximum : 0),
    ...mustBe(one, NAMESPACE, "properties.kafkaEnabled", true),
    ...mustBe(one, NAMESPACE, "properties.zoneRedundant", parameter(one, "zoneRedundant", true)),
    ...(clusters.length === (dedicated ? namespaces.length : 0) ? [] : ["clusters and namespaces do not go together"]),
    ...(namespaces.every((it) => (get(it, "properties.clusterArmId") !== undefined) === dedicated)
      ? []
      : ["a namespace stands outside its cluster"]),
    ...(regions.every((it) =>
      same(
        it.map(({ locationName }) => locationName),
        secondary === "" ? [] : [parameter(one, "location", "westeurope"), secondary],
      ),
    )
      ? []
      : ["events are not replicated as asked for"]),
  ];
}

export const DATA: readonly Assertion[] = [
  { name: "the host and the pipelines have accounts apart, with what the manifest says", check: checkAccounts },
  { name: "dead letters and old logs expire, checkpoints never", check: checkLifecycle },
  { name: "nothing is sent without TLS 1.2", check: checkTransport },
  { name: "containers of Cosmos DB are as the manifest says", check: checkContainers },
  { name: "Cosmos DB has its regions, one of which takes writes, and a continuous backup", check: checkCosmos },
  { name: "customer-managed keys are used where asked for and possible", check: checkKeys },
  { name: "the vault is there when needed and cannot be purged", check: checkVault },
  { name: "hubs are as the manifest says", check: checkHubs },
  { name: "every function has consumer groups of its own", check: checkReaders },
  { name: "Capture writes with an identity to its own account", check: checkCapture },
  { name: "the namespace has its tier, its size and its replicas", check: checkTier },
  {
    name: "a schema group is there when asked for",
    check: (one) => {
      const name = parameter(one, "schemaGroup", "");
      const groups = ofType(one, `${NAMESPACE}/schemagroups`).map((group) => group.name.split("/").at(-1));
      return same(groups, name === "" ? [] : [name]) ? [] : [`schema groups: ${groups}`];
    },
  },
];
