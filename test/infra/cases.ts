import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Manifest, type ManifestHub, manifestSchema, readersOf } from "../../lib/cli/infra/manifest.ts";
import { settingsOf } from "../../lib/cli/infra/settings.ts";
import type { Case } from "./assertions/case.ts";
import { type Edit, evaluateInfra, INFRA, type Parameters, parametersOf } from "./environments.ts";

/** A case before it is evaluated. */
export interface Variation {
  readonly name: string;
  readonly parameters: Parameters;
  readonly manifest: Manifest;
}

/** What the app of this repository needs. */
export const MANIFEST: Manifest = manifestSchema.parse(
  JSON.parse(readFileSync(resolve(INFRA, "manifest.json"), "utf8")),
);

/** The same app without wake-ups: nothing of it has to do with queues. */
export const ASLEEP: Manifest = sleep(MANIFEST);

function sleep(manifest: Manifest): Manifest {
  const parts = { ...manifest, queues: [] };
  return manifestSchema.parse({
    ...parts,
    functions: readersOf(manifest),
    settings: settingsOf(parts),
    roles: manifest.roles.filter(({ scope }) => scope !== "queue"),
  });
}

/** An app that uses what this one does not: Kafka, Capture, compaction, several keys, a reference container. */
export const RICH: Manifest = enrich(MANIFEST);

function enrich(manifest: Manifest): Manifest {
  const [hub] = manifest.hubs;
  const [fn] = readersOf(manifest);
  const [container] = manifest.containers;
  if (!hub || !fn || !container) throw new Error("the manifest is empty");
  const kafka = {
    ...hub,
    name: "orders.v1",
    connection: "Orders",
    consumerGroups: ["orders", "orders-repair"],
    kafka: true,
  };
  const compacted: ManifestHub = {
    ...hub,
    name: "rates",
    cleanupPolicy: "Compact",
    read: false,
    written: true,
    consumerGroups: [],
  };
  const captured = { ...hub, capture: { intervalSeconds: 300, sizeBytes: 314_572_800 } };
  const parts: Pick<Manifest, "hubs" | "containers" | "blobContainers" | "queues"> = {
    hubs: [captured, ...manifest.hubs.slice(1), { ...kafka, written: false }, compacted],
    containers: [
      ...manifest.containers,
      {
        ...container,
        database: "reference",
        name: "tenants",
        partitionKeyPaths: ["/tenant", "/id"],
        access: "read",
        defaultTtl: null,
      } as const,
    ],
    blobContainers: manifest.blobContainers,
    queues: manifest.queues,
  };
  return manifestSchema.parse({
    ...manifest,
    ...parts,
    functions: [
      ...manifest.functions,
      {
        ...fn,
        name: "orders",
        trigger: "kafka",
        hub: kafka.name,
        consumerGroup: "orders",
        repairGroup: "orders-repair",
      },
    ],
    settings: settingsOf(parts),
    roles: [
      ...manifest.roles,
      { scope: "hub", resource: "rates", role: "send", because: "written by orders" },
      { scope: "cosmosContainer", resource: "reference/tenants", role: "read", because: "is a reference table" },
    ],
  });
}

const subnet = (name: string) =>
  `/subscriptions/5d1c9a7e-0b1f-4b61-8a55-9f1f3c1d2e3f/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/spoke/subnets/${name}`;
const zone = (name: string) =>
  `/subscriptions/5d1c9a7e-0b1f-4b61-8a55-9f1f3c1d2e3f/resourceGroups/dns/providers/Microsoft.Network/privateDnsZones/${name}`;

/** Both environments, and for each parameter at least one value that changes what is deployed. */
export const VARIATIONS: readonly Variation[] = [
  vary("dev", "dev", {}),
  vary("prod", "prod", {}),
  vary("dev, rich", "dev", {}, RICH),
  vary("prod, rich", "prod", { hubSecondaryLocation: "northeurope", producerPrincipalIds: [PRODUCER()] }, RICH),
  vary("prod without wake-ups", "prod", {}, ASLEEP),
  vary("restricted", "dev", { networkAccess: "restricted", allowedIpRanges: ["203.0.113.7", "198.51.100.0/24"] }),
  vary("public with ranges", "dev", { allowedIpRanges: ["203.0.113.7"] }),
  vary("nat and trusted ranges", "prod", {
    outbound: "nat",
    trustedAddressPrefixes: ["10.0.0.0/16"],
    vnetAddressPrefix: "10.9.0.0/25",
  }),
  vary("existing network", "prod", {
    existingAppSubnetId: subnet("flex"),
    existingEndpointSubnetId: subnet("links"),
    existingDnsZoneIds: { "privatelink.blob.core.windows.net": zone("privatelink.blob.core.windows.net") },
  }),
  vary("Dedicated", "prod", { hubTier: "Dedicated" }),
  vary("Premium without own keys", "prod", {
    customerManagedKeys: false,
    hubCapacity: 2,
    schemaGroup: "flights",
    capturedHubs: ["flights"],
  }),
  vary("Standard with own keys", "prod", { hubTier: "Standard", hubMaximumCapacity: 20 }),
  vary("several regions", "prod", {
    cosmosSecondaryLocations: ["northeurope", "uksouth"],
    cosmosConsistency: "Strong",
  }),
  vary("bounded staleness", "prod", {
    cosmosSecondaryLocations: ["northeurope"],
    cosmosConsistency: "BoundedStaleness",
  }),
  vary("other sizes", "prod", {
    nodeVersion: "22",
    instanceMemoryMB: 4096,
    maximumInstanceCount: 7,
    alwaysReadyInstances: 0,
    alwaysReadyOverrides: { delays: 4, "wake-ups": 2 },
    storageRedundancy: "Standard_GZRS",
    cosmosMaximumThroughput: 10000,
  }),
  vary("without the extras", "prod", {
    policyAssignments: false,
    locks: false,
    dataPlaneLogs: false,
    zoneRedundant: false,
  }),
  vary("other thresholds", "dev", {
    alertEmail: "operators@example.com",
    maximumLagMinutes: 3,
    hubRetentionHours: 24,
    maximumLagEvents: 5000,
    deadLetterRetentionDays: 30,
    logRetentionDays: 90,
    tags: { owner: "platform" },
    name: "flights",
    location: "northeurope",
  }),
];

function PRODUCER(): string {
  return "0f8fad5b-d9cb-469f-a165-70867728950e";
}

function vary(name: string, base: "dev" | "prod", changed: Parameters, manifest: Manifest = MANIFEST): Variation {
  return { name, parameters: { ...parametersOf(base), ...changed }, manifest };
}

/** Evaluates a variation; `edit` sees every file of the template first, and may leave something unused. */
export function evaluateCase({ name, parameters, manifest }: Variation, edit?: Edit): Case {
  const json = JSON.stringify(manifest);
  const read: Edit = (path, text) => (path === "manifest.json" ? json : text);
  const evaluated = evaluateInfra(parameters, read, edit);
  return { name, parameters, manifest, evaluated };
}
