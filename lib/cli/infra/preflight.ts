import { type Manifest, readersOf } from "./manifest.ts";
import type { InfraParameters } from "./parameters.ts";

/** Looks at what is to be deployed where, and answers a sentence or nothing for each thing that cannot work. */
type Rule = (manifest: Manifest, parameters: InfraParameters) => readonly (string | false)[];

/** Everything that Azure would refuse, or quietly do otherwise, one sentence each; empty when nothing stands against it. */
export function preflight(manifest: Manifest, parameters: InfraParameters): string[] {
  const rules: readonly Rule[] = [
    checkNames,
    checkTier,
    checkHubs,
    checkNetwork,
    checkRanges,
    checkCosmos,
    checkZones,
    checkReady,
  ];
  return rules.flatMap((rule) => rule(manifest, parameters)).filter((finding) => finding !== false);
}

const checkNames: Rule = (_, { name, environmentName }) => [
  !/^[a-z][a-z0-9]{2,9}$/.test(name) &&
    `name "${name}" must be 3–10 lower-case letters and digits beginning with a letter: it starts the names of storage accounts.`,
  !/^[a-z][a-z0-9]{1,7}$/.test(environmentName) &&
    `environmentName "${environmentName}" must be 2–8 lower-case letters and digits beginning with a letter: names grow too long otherwise.`,
];

const checkTier: Rule = (
  _,
  { hubTier, customerManagedKeys, hubSecondaryLocation, location, hubCapacity, hubMaximumCapacity },
) => [
  hubTier === "Standard" &&
    customerManagedKeys &&
    "customerManagedKeys needs hubTier Premium or Dedicated: on Standard the hubs would stay under a key of the service.",
  hubTier === "Standard" &&
    hubSecondaryLocation !== "" &&
    "hubSecondaryLocation needs hubTier Premium or Dedicated: Standard replicates no events.",
  hubSecondaryLocation !== "" &&
    hubSecondaryLocation === location &&
    "hubSecondaryLocation is the region that the hubs are in already.",
  hubTier !== "Standard" &&
    hubMaximumCapacity > 0 &&
    `hubMaximumCapacity is for Standard: ${hubTier} does not inflate by itself.`,
  hubMaximumCapacity > 0 && hubMaximumCapacity < hubCapacity && "hubMaximumCapacity is below hubCapacity.",
  hubTier === "Standard" && hubCapacity > 40 && "Event Hubs Standard has at most 40 throughput units.",
];

/** What a tier allows, as Microsoft's page of quotas lists it. */
export const LIMITS = {
  Standard: { hubs: 10, partitions: 32, groups: 20, hours: 168 },
  Premium: { hubs: 100, partitions: 100, groups: 100, hours: 2160 },
  Dedicated: { hubs: 1000, partitions: 1024, groups: 1000, hours: 2160 },
} as const;

const checkHubs: Rule = ({ hubs }, { hubTier, hubRetentionHours, capturedHubs }) => {
  const limit = LIMITS[hubTier];
  // Hubs of the Kafka trigger live in a namespace of their own.
  const namespaces = [hubs.filter(({ kafka }) => !kafka), hubs.filter(({ kafka }) => kafka)];
  return [
    ...namespaces.map(
      (list) =>
        list.length > limit.hubs &&
        `A ${hubTier} namespace has at most ${limit.hubs} hubs; the pipelines need ${list.length}.`,
    ),
    ...capturedHubs.map(
      (name) =>
        !hubs.some((hub) => hub.name === name) &&
        `capturedHubs names "${name}", and no pipeline reads or writes such a hub.`,
    ),
    ...hubs.flatMap(({ name, partitions, consumerGroups, retentionHours }) => [
      partitions > limit.partitions &&
        `Hub "${name}" has ${partitions} partitions; ${hubTier} allows ${limit.partitions}.`,
      // $Default is there without being asked for.
      consumerGroups.length + 1 > limit.groups &&
        `Hub "${name}" needs ${consumerGroups.length} consumer groups beside $Default; ${hubTier} allows ${limit.groups} in all.`,
      (hubRetentionHours || retentionHours) > limit.hours &&
        `Hub "${name}" is to keep events for ${hubRetentionHours || retentionHours} hours; ${hubTier} keeps them ${limit.hours}.`,
    ]),
  ];
};

const checkNetwork: Rule = (_, parameters) => {
  const { networkAccess, vnetAddressPrefix, existingAppSubnetId, existingEndpointSubnetId, outbound } = parameters;
  const existing = [existingAppSubnetId, existingEndpointSubnetId].filter((id) => id !== "");
  const own = networkAccess !== "public" && existing.length === 0;
  const subnetName = existingAppSubnetId.split("/").at(-1) ?? "";
  return [
    own &&
      prefixLength(vnetAddressPrefix) > 25 &&
      `vnetAddressPrefix ${vnetAddressPrefix} is too small: it must hold two subnets of a /26, so take a /25 or larger.`,
    existing.length === 1 && "existingAppSubnetId and existingEndpointSubnetId go together: give both or neither.",
    existing.length === 2 &&
      existing[0] === existing[1] &&
      "The app and the private endpoints need a subnet each: a delegated subnet takes no endpoints.",
    existing.some(
      (id) =>
        !/^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+$/i.test(
          id,
        ),
    ) && "An existing subnet is named by its whole resource id.",
    subnetName.includes("_") && `Flex Consumption refuses subnet "${subnetName}": its name has an underscore.`,
    networkAccess === "public" && existing.length > 0 && "An existing subnet has no use while networkAccess is public.",
    outbound === "nat" &&
      !own &&
      "outbound nat belongs to a VNet that is created here: give an existing one its own NAT gateway.",
  ];
};

const checkRanges: Rule = (_, { networkAccess, allowedIpRanges, trustedAddressPrefixes, vnetAddressPrefix }) => [
  ...[...allowedIpRanges, ...trustedAddressPrefixes, vnetAddressPrefix].map(
    (range) => Number.isNaN(prefixLength(range)) && `"${range}" is not an IPv4 address or range.`,
  ),
  ...allowedIpRanges.map(
    (range) =>
      isPrivateRange(range) &&
      `allowedIpRanges are public addresses; "${range}" is a private one, for trustedAddressPrefixes.`,
  ),
  networkAccess !== "restricted" &&
    allowedIpRanges.length > 0 &&
    `allowedIpRanges has a meaning only when networkAccess is restricted, not ${networkAccess}.`,
  networkAccess === "restricted" &&
    allowedIpRanges.length === 0 &&
    "networkAccess restricted without allowedIpRanges lets nobody in: say private, or name ranges.",
];

const checkCosmos: Rule = (
  _,
  { cosmosMode, cosmosSecondaryLocations, cosmosConsistency, cosmosMaximumThroughput, location },
) => {
  const regions = [location, ...cosmosSecondaryLocations].filter((region) => region !== "");
  return [
    cosmosMode === "serverless" &&
      cosmosSecondaryLocations.length > 0 &&
      "Serverless Cosmos DB lives in one region: choose autoscale, or no cosmosSecondaryLocations.",
    new Set(regions).size < regions.length &&
      "cosmosSecondaryLocations names a region twice, or the one that Cosmos DB is in already.",
    cosmosConsistency === "Strong" &&
      cosmosSecondaryLocations.length === 0 &&
      "cosmosConsistency Strong means nothing in one region: name cosmosSecondaryLocations, or say Session.",
    cosmosMode === "autoscale" &&
      cosmosMaximumThroughput % 1000 !== 0 &&
      "cosmosMaximumThroughput goes in steps of 1000.",
  ];
};

const checkZones: Rule = (_, { zoneRedundant, storageRedundancy }) => [
  zoneRedundant &&
    !storageRedundancy.endsWith("ZRS") &&
    `zoneRedundant promises to survive the loss of a zone, and ${storageRedundancy} does not: choose Standard_ZRS or Standard_GZRS.`,
];

const checkReady: Rule = (manifest, { zoneRedundant, alwaysReadyInstances, alwaysReadyOverrides }) => {
  const names = manifest.functions.map(({ name }) => name);
  const readers = readersOf(manifest).map(({ name }) => name);
  const counts = names.map((name): [string, number] => {
    // What wakes pipelines may start cold: it is late by seconds, and never waited for.
    return [name, alwaysReadyOverrides[name] ?? (readers.includes(name) ? alwaysReadyInstances : 0)];
  });
  return [
    ...counts.map(
      ([name, count]) =>
        zoneRedundant &&
        count === 1 &&
        `Function "${name}" keeps one instance ready; with zoneRedundant it must be none or at least two.`,
    ),
    ...Object.keys(alwaysReadyOverrides).map(
      (name) => !names.includes(name) && `alwaysReadyOverrides names "${name}", and there is no such function.`,
    ),
  ];
};

/** The length of a range's prefix, 32 for a single address, NaN for what is neither. */
function prefixLength(range: string): number {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(range);
  const octets = match?.slice(1, 5).map(Number) ?? [];
  const length = Number(match?.[5] ?? 32);
  return match && octets.every((octet) => octet <= 255) && length <= 32 ? length : Number.NaN;
}

function isPrivateRange(range: string): boolean {
  return /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)/.test(range);
}
