import type { ConcreteResource } from "../bicep/program.ts";
import type { Json } from "../bicep/values.ts";
import {
  type Assertion,
  account,
  type Case,
  COSMOS,
  ENDPOINT,
  get,
  hasNetwork,
  INSIGHTS,
  isPrivate,
  list,
  mustBe,
  NAMESPACE,
  ofType,
  parameter,
  SITE,
  STORAGE,
  same,
  VAULT,
  WORKSPACE,
} from "./case.ts";

const ZONES: Readonly<Record<string, readonly string[]>> = {
  namespace: ["privatelink.servicebus.windows.net"],
  blob: ["privatelink.blob.core.windows.net"],
  queue: ["privatelink.queue.core.windows.net"],
  dfs: ["privatelink.dfs.core.windows.net"],
  Sql: ["privatelink.documents.azure.com"],
  vault: ["privatelink.vaultcore.azure.net"],
  sites: ["privatelink.azurewebsites.net"],
  azuremonitor: [
    "privatelink.agentsvc.azure-automation.net",
    "privatelink.blob.core.windows.net",
    "privatelink.monitor.azure.com",
    "privatelink.ods.opinsights.azure.com",
    "privatelink.oms.opinsights.azure.com",
  ],
};

const PUBLIC_SWITCHES: readonly (readonly [type: string, path: string])[] = [
  [STORAGE, "properties.publicNetworkAccess"],
  [NAMESPACE, "properties.publicNetworkAccess"],
  [`${NAMESPACE}/networkRuleSets`, "properties.publicNetworkAccess"],
  [COSMOS, "properties.publicNetworkAccess"],
  [VAULT, "properties.publicNetworkAccess"],
  [SITE, "properties.publicNetworkAccess"],
  [WORKSPACE, "properties.publicNetworkAccessForIngestion"],
  [WORKSPACE, "properties.publicNetworkAccessForQuery"],
  [INSIGHTS, "properties.publicNetworkAccessForIngestion"],
  [INSIGHTS, "properties.publicNetworkAccessForQuery"],
];

/** What must have a private endpoint, and for which of its sub-resources. */
function needed(one: Case): [ConcreteResource | undefined, string][] {
  const host = account(one, "host");
  const data = account(one, "data");
  const capture = account(one, "capture");
  return [
    ...ofType(one, NAMESPACE).map((resource): [ConcreteResource, string] => [resource, "namespace"]),
    [host, "blob"],
    [host, "queue"],
    [data, "blob"],
    ...(one.manifest.queues.length > 0 ? [[data, "queue"] as [ConcreteResource | undefined, string]] : []),
    ...(capture ? ["blob", "dfs"].map((group): [ConcreteResource, string] => [capture, group]) : []),
    ...ofType(one, COSMOS).map((resource): [ConcreteResource, string] => [resource, "Sql"]),
    ...ofType(one, VAULT).map((resource): [ConcreteResource, string] => [resource, "vault"]),
    ...ofType(one, SITE).map((resource): [ConcreteResource, string] => [resource, "sites"]),
    [ofType(one, "Microsoft.Insights/privateLinkScopes")[0], "azuremonitor"],
  ];
}

function connections(endpoint: ConcreteResource) {
  type Connection = { properties: { privateLinkServiceId: string; groupIds: readonly string[] } };
  return list<Connection>(endpoint, "properties.privateLinkServiceConnections").map(({ properties }) => properties);
}

function checkEndpoints(one: Case): string[] {
  if (!hasNetwork(one)) return ofType(one, ENDPOINT).map(({ name }) => `${name} is there without a network`);
  const there = ofType(one, ENDPOINT).flatMap(connections);
  const wanted = needed(one);
  const missing = wanted.filter(
    ([resource, group]) =>
      there.filter((it) => it.privateLinkServiceId === resource?.id && same(it.groupIds, [group])).length !== 1,
  );
  const surplus = there.length - wanted.length;
  return [
    ...missing.map(
      ([resource, group]) => `${resource?.name ?? "a resource that is not there"} has no one endpoint for ${group}`,
    ),
    ...(surplus === 0 || missing.length > 0 ? [] : [`${surplus} endpoints lead to nothing that needs one`]),
  ];
}

function checkZones(one: Case): string[] {
  const existing = parameter<Readonly<Record<string, Json>>>(one, "existingDnsZoneIds", {});
  const zones = new Map(ofType(one, "Microsoft.Network/privateDnsZones").map(({ id, name }) => [id, name]));
  for (const [name, id] of Object.entries(existing)) zones.set(String(id), name);
  return ofType(one, ENDPOINT).flatMap((endpoint) => {
    const group = ofType(one, `${ENDPOINT}/privateDnsZoneGroups`).find(({ id }) => id.startsWith(`${endpoint.id}/`));
    type Config = { properties: { privateDnsZoneId: string } };
    const configs = list<Config>(group, "properties.privateDnsZoneConfigs");
    const names = configs.map(({ properties }) => zones.get(properties.privateDnsZoneId) ?? "an unknown zone").sort();
    const wanted = ZONES[connections(endpoint)[0]?.groupIds[0] ?? ""];
    return same(names, wanted) ? [] : [`${endpoint.name} is registered in ${names.join(", ") || "no zone"}`];
  });
}

function vnetOf(one: Case): string {
  const given = parameter(one, "existingAppSubnetId", "");
  return given === ""
    ? (ofType(one, "Microsoft.Network/virtualNetworks")[0]?.id ?? "")
    : (given.split("/subnets/")[0] ?? "");
}

function checkLinks(one: Case): string[] {
  return ofType(one, "Microsoft.Network/privateDnsZones").flatMap((zone) => {
    const links = ofType(one, "Microsoft.Network/privateDnsZones/virtualNetworkLinks").filter(({ id }) =>
      id.startsWith(`${zone.id}/`),
    );
    const linked = links.some((link) => get(link, "properties.virtualNetwork.id") === vnetOf(one));
    return linked ? [] : [`${zone.name} is not linked to the VNet`];
  });
}

interface Subnet {
  readonly name: string;
  readonly properties: {
    readonly addressPrefix: string;
    readonly defaultOutboundAccess?: boolean;
    readonly networkSecurityGroup?: { readonly id: string };
    readonly natGateway?: { readonly id: string };
    readonly privateEndpointNetworkPolicies?: string;
    readonly delegations?: readonly { readonly properties: { readonly serviceName: string } }[];
  };
}

function subnets(one: Case): readonly Subnet[] {
  return list<Subnet>(ofType(one, "Microsoft.Network/virtualNetworks")[0], "properties.subnets");
}

function subnetIds(one: Case): { app: string; endpoints: string } {
  const vnet = ofType(one, "Microsoft.Network/virtualNetworks")[0]?.id ?? "";
  return {
    app: parameter(one, "existingAppSubnetId", "") || `${vnet}/subnets/app`,
    endpoints: parameter(one, "existingEndpointSubnetId", "") || `${vnet}/subnets/endpoints`,
  };
}

function checkAppSubnet(one: Case): string[] {
  const [site] = ofType(one, SITE);
  if (!hasNetwork(one))
    return get(site, "properties.virtualNetworkSubnetId") === undefined ? [] : ["the app is in a network"];
  const findings: string[] = [];
  if (get(site, "properties.virtualNetworkSubnetId") !== subnetIds(one).app)
    findings.push("the app is not in its subnet");
  if (get(site, "properties.outboundVnetRouting.allTraffic") !== true) findings.push("some traffic goes past the VNet");
  const app = subnets(one).find(({ name }) => name === "app");
  if (parameter(one, "existingAppSubnetId", "") !== "") return findings;
  if (app?.properties.delegations?.[0]?.properties.serviceName !== "Microsoft.App/environments") {
    findings.push("the app's subnet is not delegated to Flex Consumption");
  }
  if (Number(app?.properties.addressPrefix.split("/")[1]) > 27) findings.push("the app's subnet is smaller than a /27");
  return findings;
}

function checkSubnets(one: Case): string[] {
  return subnets(one).flatMap(({ name, properties }) => [
    ...(name.includes("_") ? [`subnet ${name} has an underscore in its name`] : []),
    ...(properties.networkSecurityGroup ? [] : [`subnet ${name} has no security group`]),
    ...(properties.defaultOutboundAccess === false ? [] : [`subnet ${name} has Azure's default way out`]),
    ...(name === "endpoints" && properties.privateEndpointNetworkPolicies !== "Enabled"
      ? ["rules do not apply to private endpoints"]
      : []),
  ]);
}

interface Rule {
  readonly name: string;
  readonly properties: Readonly<Record<string, string | number | readonly string[]>>;
}

function checkRules(one: Case): string[] {
  return ofType(one, "Microsoft.Network/networkSecurityGroups").flatMap((group) => {
    const rules = list<Rule>(group, "properties.securityRules");
    const denied = rules.filter(
      ({ properties: it }) =>
        it.access === "Deny" &&
        it.priority === 4096 &&
        it.protocol === "*" &&
        it.destinationPortRange === "*" &&
        it.sourceAddressPrefix === "*" &&
        it.destinationAddressPrefix === "*",
    );
    const directions = denied.map(({ properties }) => properties.direction).sort();
    const open = rules.filter(({ properties: it }) => it.access === "Allow" && !isNarrow(it));
    const silent = rules.filter(({ properties }) => String(properties.description ?? "").length < 20);
    return [
      ...(same(directions, ["Inbound", "Outbound"]) ? [] : [`${group.name} does not deny by default both ways`]),
      ...open.map(({ name }) => `${group.name}: ${name} allows more than named ports between named ranges`),
      ...silent.map(({ name }) => `${group.name}: ${name} gives no reason`),
    ];
  });
}

function isNarrow(rule: Rule["properties"]): boolean {
  const ports = [rule.destinationPortRange, ...((rule.destinationPortRanges as readonly string[] | undefined) ?? [])];
  const from = rule.sourceAddressPrefix ?? (rule.sourceAddressPrefixes as readonly string[] | undefined)?.join();
  return rule.protocol === "Tcp" && !ports.includes("*") && from !== "*" && rule.destinationAddressPrefix !== "*";
}

function checkWayOut(one: Case): string[] {
  const nat = parameter(one, "outbound", "none") === "nat" && vnetIsOurs(one);
  const gateways = ofType(one, "Microsoft.Network/natGateways");
  const addresses = ofType(one, "Microsoft.Network/publicIPAddresses");
  const toInternet = ofType(one, "Microsoft.Network/networkSecurityGroups").flatMap((group) =>
    list<Rule>(group, "properties.securityRules").filter(
      ({ properties }) => properties.destinationAddressPrefix === "Internet",
    ),
  );
  const attached = subnets(one).filter(
    ({ properties }) => properties.natGateway?.id === gateways[0]?.id && gateways[0],
  );
  const counts = [gateways.length, addresses.length, toInternet.length, attached.length];
  return counts.every((count) => count === (nat ? 1 : 0))
    ? []
    : [`the way out is ${nat ? "incomplete" : "open"}: ${counts}`];
}

function vnetIsOurs(one: Case): boolean {
  return hasNetwork(one) && parameter(one, "existingAppSubnetId", "") === "";
}

function checkRanges(one: Case): string[] {
  const restricted = parameter(one, "networkAccess", "private") === "restricted";
  const ranges = restricted ? parameter<readonly string[]>(one, "allowedIpRanges", []) : [];
  const action = hasNetwork(one) ? "Deny" : "Allow";
  const rules = (type: string, path: string, key: string) =>
    ofType(one, type)
      .filter(
        (resource) =>
          !same(
            list(resource, path).map((rule) => String(rule[key]).replace("/32", "")),
            ranges,
          ),
      )
      .map(({ name }) => `${name} lets in other ranges than the parameter's`);
  return [
    ...mustBe(one, STORAGE, "properties.networkAcls.defaultAction", action),
    ...mustBe(one, VAULT, "properties.networkAcls.defaultAction", action),
    ...mustBe(one, `${NAMESPACE}/networkRuleSets`, "properties.defaultAction", action),
    ...mustBe(
      one,
      SITE,
      "properties.siteConfig.ipSecurityRestrictionsDefaultAction",
      ranges.length > 0 ? "Deny" : "Allow",
    ),
    ...mustBe(one, SITE, "properties.siteConfig.scmIpSecurityRestrictionsUseMain", true),
    ...rules(STORAGE, "properties.networkAcls.ipRules", "value"),
    ...rules(VAULT, "properties.networkAcls.ipRules", "value"),
    ...rules(`${NAMESPACE}/networkRuleSets`, "properties.ipRules", "ipMask"),
    ...rules(COSMOS, "properties.ipRules", "ipAddressOrRange"),
    ...rules(SITE, "properties.siteConfig.ipSecurityRestrictions", "ipAddress"),
  ];
}

export const NETWORK: readonly Assertion[] = [
  {
    name: "public access is off everywhere when the environment is private, and on nowhere by accident",
    check: (one) =>
      PUBLIC_SWITCHES.flatMap(([type, path]) => mustBe(one, type, path, isPrivate(one) ? "Disabled" : "Enabled")),
  },
  { name: "restricted endpoints let in the given ranges and nobody else", check: checkRanges },
  { name: "everything that is reached has one private endpoint", check: checkEndpoints },
  {
    name: "private endpoints stand in their subnet",
    check: (one) => (hasNetwork(one) ? mustBe(one, ENDPOINT, "properties.subnet.id", subnetIds(one).endpoints) : []),
  },
  { name: "private endpoints are registered in exactly their zones", check: checkZones },
  { name: "every zone is linked to the VNet", check: checkLinks },
  { name: "the app sends everything through a delegated subnet", check: checkAppSubnet },
  { name: "subnets are guarded and named as Flex wants", check: checkSubnets },
  { name: "security groups deny by default and give reasons", check: checkRules },
  { name: "there is a way out only when asked for", check: checkWayOut },
];
