import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { readSettings, type SettingNeed } from "../../../lib/azure/settings.ts";
import {
  type Assertion,
  account,
  type Case,
  get,
  hasNetwork,
  list,
  mustBe,
  ofType,
  parameter,
  SITE,
  STORAGE,
  same,
} from "./case.ts";

const PLAN = "Microsoft.Web/serverfarms";

/** Flex Consumption refuses these, or quietly does without. */
const FORBIDDEN = new Set([
  "ENABLE_ORYX_BUILD",
  "FUNCTIONS_EXTENSION_VERSION",
  "FUNCTIONS_WORKER_RUNTIME",
  "FUNCTIONS_WORKER_RUNTIME_VERSION",
  "SCM_DO_BUILD_DURING_DEPLOYMENT",
  "TZ",
  "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
  "WEBSITE_CONTENTOVERVNET",
  "WEBSITE_CONTENTSHARE",
  "WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT",
  "WEBSITE_NODE_DEFAULT_VERSION",
  "WEBSITE_RUN_FROM_PACKAGE",
  "WEBSITE_TIME_ZONE",
  "WEBSITE_VNET_ROUTE_ALL",
]);

/** What the host reads by itself, whatever the app does; see Microsoft's reference of app settings. */
const READ_BY_HOST = new Set([
  "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
  "AzureFunctionsJobHost__logging__logLevel__Function",
  "AzureWebJobsStorage__accountName",
  "AzureWebJobsStorage__clientId",
  "AzureWebJobsStorage__credential",
]);

export function settingsOfSite(one: Case): Map<string, string> {
  const [site] = ofType(one, SITE);
  return new Map(
    list<{ name: string; value: string }>(site, "properties.siteConfig.appSettings").map((it) => [it.name, it.value]),
  );
}

/** The connections that the pipelines' own code opens. */
function connectionsOf(one: Case): SettingNeed[] {
  const { hubs, containers, blobContainers, queues } = one.manifest;
  const need = (service: SettingNeed["service"], names: readonly string[]) =>
    [...new Set(names)].map((name): SettingNeed => ({ name, service, usedBy: "a pipeline" }));
  return [
    ...need(
      "Event Hubs",
      hubs.filter(({ kafka }) => !kafka).map(({ connection }) => connection),
    ),
    ...need(
      "Cosmos DB",
      containers.map(({ connection }) => connection),
    ),
    ...need(
      "Blob Storage",
      blobContainers.map(({ connection }) => connection),
    ),
    ...need(
      "Queue Storage",
      queues.map(({ connection }) => connection),
    ),
  ];
}

/** Lets the very code that runs in the app read the settings that the template sets. */
function checkSettings(one: Case): string[] {
  const there = settingsOfSite(one);
  const read = new Set(READ_BY_HOST);
  const environment = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_, name) => {
        read.add(String(name));
        return there.get(String(name));
      },
    },
  );
  try {
    readSettings(connectionsOf(one), environment);
  } catch (thrown) {
    return [String(thrown)];
  }
  // Kafka's trigger is read by the host alone.
  const prefixes = one.manifest.hubs.filter(({ kafka }) => kafka).map(({ connection }) => `${connection}__`);
  const missing = [...READ_BY_HOST].filter((name) => !there.has(name));
  const unread = [...there.keys()].filter(
    (name) => !read.has(name) && !prefixes.some((prefix) => name.startsWith(prefix)),
  );
  return [
    ...missing.map((name) => `${name} is not set`),
    ...unread.map((name) => `${name} is set and nobody reads it`),
  ];
}

function checkValues(one: Case): string[] {
  const there = settingsOfSite(one);
  const [site] = ofType(one, SITE);
  const empty = [...there].filter(([, value]) => value === "" || value.includes("undefined"));
  const wanted = one.manifest.settings.map(({ name }) => name);
  const secrets = one.manifest.settings.filter(({ source }) => source === "kafkaSecret");
  const notReferences = secrets.filter(
    ({ name }) => !/^@Microsoft\.KeyVault\(SecretUri=https:\/\/\S+\/secrets\/\S+\)$/.test(there.get(name) ?? ""),
  );
  return [
    ...(same([...there.keys()].sort(), [...wanted].sort()) ? [] : ["the settings are others than the manifest's"]),
    ...empty.map(([name]) => `${name} has no value`),
    ...notReferences.map(({ name }) => `${name} does not point to the vault`),
    ...[...there.keys()]
      .filter((name) => FORBIDDEN.has(name))
      .map((name) => `${name} must not be set on Flex Consumption`),
    ...(there.get("AzureWebJobsStorage__accountName") === account(one, "host")?.name
      ? []
      : ["the host stores in another account"]),
    ...(there.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING")?.endsWith(";Authorization=AAD")
      ? []
      : ["telemetry is sent with a key"]),
    ...(get(site, "properties.keyVaultReferenceIdentity") === identityOf(one)
      ? []
      : ["references to the vault are read as nobody"]),
  ];
}

function identityOf(one: Case): string | undefined {
  const [site] = ofType(one, SITE);
  return Object.keys((get(site, "identity.userAssignedIdentities") ?? {}) as object)[0];
}

function checkFlex(one: Case): string[] {
  const [site] = ofType(one, SITE);
  const [plan] = ofType(one, PLAN);
  const config = "properties.functionAppConfig";
  const storage = `${config}.deployment.storage`;
  const host = account(one, "host");
  const wantedVersion = parameter(one, "nodeVersion", "24");
  return [
    ...(ofType(one, PLAN).length === 1 && ofType(one, SITE).length === 1
      ? []
      : ["Flex Consumption wants one app on a plan"]),
    ...mustBe(one, PLAN, "sku.name", "FC1"),
    ...mustBe(one, PLAN, "sku.tier", "FlexConsumption"),
    ...mustBe(one, PLAN, "properties.reserved", true),
    ...mustBe(one, PLAN, "properties.zoneRedundant", parameter(one, "zoneRedundant", true)),
    ...mustBe(one, SITE, `${config}.runtime`, { name: "node", version: wantedVersion }),
    ...mustBe(one, SITE, `${storage}.value`, `https://${host?.name}.blob.core.windows.net/deployment`),
    ...mustBe(one, SITE, `${storage}.authentication.type`, "UserAssignedIdentity"),
    ...(get(site, `${storage}.authentication.userAssignedIdentityResourceId`) === identityOf(one)
      ? []
      : ["the package is fetched as nobody"]),
    ...(get(site, "properties.serverFarmId") === plan?.id ? [] : ["the app is not on its plan"]),
    ...(get(site, "properties.siteConfig.vnetRouteAllEnabled") === undefined
      ? []
      : ["vnetRouteAllEnabled is not for Flex Consumption"]),
    ...(hasNetwork(one) || get(site, "properties.outboundVnetRouting") === undefined
      ? []
      : ["there is no network to route through"]),
  ];
}

function checkScale(one: Case): string[] {
  const scale = "properties.functionAppConfig.scaleAndConcurrency";
  const [site] = ofType(one, SITE);
  const each = parameter(one, "alwaysReadyInstances", 0);
  const overrides = parameter<Readonly<Record<string, number>>>(one, "alwaysReadyOverrides", {});
  const wanted = one.manifest.functions
    .map(({ name, trigger }) => {
      const reads = trigger === "eventHub" || trigger === "kafka";
      return { name: `function:${name}`, instanceCount: overrides[name] ?? (reads ? each : 0) };
    })
    .filter(({ instanceCount }) => instanceCount > 0);
  return [
    ...mustBe(one, SITE, `${scale}.instanceMemoryMB`, parameter(one, "instanceMemoryMB", 2048)),
    ...mustBe(one, SITE, `${scale}.maximumInstanceCount`, parameter(one, "maximumInstanceCount", 40)),
    ...(same(list(site, `${scale}.alwaysReady`), wanted) ? [] : ["other functions are always ready than asked for"]),
  ];
}

function checkPublishing(one: Case): string[] {
  const policies = ofType(one, `${SITE}/basicPublishingCredentialsPolicies`);
  const closed = policies
    .filter((policy) => get(policy, "properties.allow") === false)
    .map(({ name }) => name.split("/")[1]);
  return [
    ...(same(closed.sort(), ["ftp", "scm"]) ? [] : ["somebody may publish with a password"]),
    ...mustBe(one, SITE, "properties.siteConfig.ftpsState", "Disabled"),
    ...mustBe(one, SITE, "properties.siteConfig.remoteDebuggingEnabled", false),
  ];
}

/** `azure.yaml` and the template must speak of the same service. */
function checkAzd(one: Case): string[] {
  const text = readFileSync(resolve(import.meta.dirname, "../../../azure.yaml"), "utf8");
  const service = /^services:\n {2}([\w-]+):/m.exec(text)?.[1];
  return ofType(one, SITE).some((site) => get(site, "tags.azd-service-name") === service)
    ? []
    : ["azd does not find the app"];
}

export const APP: readonly Assertion[] = [
  { name: "every setting that is read is set, and every one that is set is read", check: checkSettings },
  { name: "settings have their values and none that Flex Consumption forbids", check: checkValues },
  { name: "the app is made as Flex Consumption wants it", check: checkFlex },
  { name: "the app scales as the parameters say", check: checkScale },
  { name: "nobody publishes with a password", check: checkPublishing },
  { name: "azd finds the app", check: checkAzd },
  {
    name: "storage is as redundant as asked for",
    check: (one) => mustBe(one, STORAGE, "sku.name", parameter(one, "storageRedundancy", "Standard_ZRS")),
  },
];
