// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the interpolation of Bicep
import { type Mutation, on } from "./mutation.ts";

const PUBLIC = "public access is off everywhere when the environment is private, and on nowhere by accident";
const RANGES = "restricted endpoints let in the given ranges and nobody else";
const ENDPOINTS = "everything that is reached has one private endpoint";
const ZONES = "private endpoints are registered in exactly their zones";
const APP_SUBNET = "the app sends everything through a delegated subnet";
const SUBNETS = "subnets are guarded and named as Flex wants";
const RULES = "security groups deny by default and give reasons";
const WAY_OUT = "there is a way out only when asked for";
const ROLES = "every role is needed and every need has exactly one role";
const SHARED_KEYS = "shared keys sign in nowhere but in the Kafka trigger's namespace";
const KAFKA = "the Kafka trigger's rules listen only, and their strings are in the vault";
const SECRETS = "no secret is in an output or outside the vault";
const IDENTITIES = "the app and Azure's services have an identity each";

/** Ways to break the network and who may do what. */
export const ACCESS: readonly Mutation[] = [
  ...on("main.bicep", PUBLIC, [
    ["networkAccess == 'private' || (", "("],
    ["? 'Disabled' : 'Enabled'", "? 'Disabled' : 'Disabled'", "dev"],
  ]),
  ...on("storage.bicep", PUBLIC, [["publicNetworkAccess: publicAccess", "publicNetworkAccess: 'Enabled'"]]),
  ...on("hub.bicep", PUBLIC, [
    ["publicNetworkAccess: publicAccess\n    zone", "publicNetworkAccess: 'Enabled'\n    zone"],
    ["publicNetworkAccess: publicAccess\n    default", "publicNetworkAccess: 'Enabled'\n    default"],
  ]),
  ...on("cosmos.bicep", PUBLIC, [["publicNetworkAccess: publicAccess", "publicNetworkAccess: 'Enabled'"]]),
  ...on("vault.bicep", PUBLIC, [["publicNetworkAccess: publicAccess", "publicNetworkAccess: 'Enabled'"]]),
  ...on("app.bicep", PUBLIC, [["publicNetworkAccess: publicAccess", "publicNetworkAccess: 'Enabled'"]]),
  ...on("monitoring.bicep", PUBLIC, [
    ["Ingestion: publicAccess", "Ingestion: 'Enabled'"],
    ["Query: publicAccess", "Query: 'Enabled'"],
  ]),
  ...on("main.bicep", RANGES, [
    ["networkAccess == 'restricted' ? allowedIpRanges : []", "allowedIpRanges", "public with ranges"],
    ["networkAccess == 'restricted' ? allowedIpRanges : []", "[]", "restricted"],
  ]),
  ...on("storage.bicep", RANGES, [
    ["defaultAction: restricted ? 'Deny' : 'Allow'", "defaultAction: 'Allow'", "restricted"],
    ["ipRules: map(ipRanges", "ipRules: map(take(ipRanges, 1)", "restricted"],
  ]),
  ...on("hub.bicep", RANGES, [
    ["defaultAction: restricted ? 'Deny' : 'Allow'", "defaultAction: 'Allow'", "restricted"],
  ]),
  ...on("vault.bicep", RANGES, [["defaultAction: restricted ? 'Deny' : 'Allow'", "defaultAction: 'Allow'"]]),
  ...on("cosmos.bicep", RANGES, [["ipRules: map(ipRanges", "ipRules: map(take(ipRanges, 0)", "restricted"]]),
  ...on("app.bicep", RANGES, [
    ["empty(ipRanges) ? 'Allow' : 'Deny'", "'Allow'", "restricted"],
    ["scmIpSecurityRestrictionsUseMain: true", "scmIpSecurityRestrictionsUseMain: false"],
  ]),
  ...on("main.bicep", ENDPOINTS, [
    ["        { name: 'host-queue', id: stores.outputs.hostId, group: 'queue' }\n", ""],
    ["id: stores.outputs.dataId, group: 'blob'", "id: stores.outputs.hostId, group: 'blob'"],
    [
      "{ name: 'cosmos', id: cosmos.outputs.id, group: 'Sql' }",
      "{ name: 'cosmos', id: cosmos.outputs.id, group: 'Sql' }, { name: 'again', id: cosmos.outputs.id, group: 'Sql' }",
    ],
    ["hasVault ? [{ name: 'vault'", "!hasVault ? [{ name: 'vault'"],
    ["empty(manifest.queues) ? []", "true ? []"],
    ["empty(manifest.queues) ? []", "false ? []", "prod without wake-ups"],
    [
      "module appEndpoint 'endpoints.bicep' = if (hasNetwork)",
      "module appEndpoint 'endpoints.bicep' = if (!hasNetwork)",
    ],
    ["hasKafka ? [{ name: 'kafka'", "!hasKafka ? [{ name: 'kafka'", "prod, rich"],
  ]),
  ...on("endpoints.bicep", "private endpoints stand in their subnet", [
    ["subnet: { id: subnetId }", "subnet: { id: vnetId }"],
  ]),
  ...on("main.bicep", "private endpoints stand in their subnet", [
    ["createVnet ? network!.outputs.endpointSubnetId", "createVnet ? network!.outputs.appSubnetId"],
  ]),
  ...on("endpoints.bicep", ZONES, [
    ["'privatelink.servicebus.windows.net'", "'privatelink.eventhubs.windows.net'"],
    ["    'privatelink.ods.opinsights.azure.com'\n", ""],
    ["privateDnsZoneId: zoneIds[zone]", "privateDnsZoneId: zoneIds[needed[0]]"],
    ["map(zonesOfGroup[target.group], zone =>", "map(take(zonesOfGroup[target.group], 0), zone =>"],
  ]),
  ...on("endpoints.bicep", "every zone is linked to the VNet", [
    ["(zone, at) in missing", "(zone, at) in take(missing, 1)"],
    ["virtualNetwork: { id: vnetId }", "virtualNetwork: { id: subnetId }"],
    ["split(subnetId, '/subnets/')[0]", "subnetId", "existing network"],
  ]),
  ...on("network.bicep", APP_SUBNET, [
    ["Microsoft.App/environments", "Microsoft.Web/serverFarms"],
    ["cidrSubnet(addressPrefix, 26, 0)", "cidrSubnet(addressPrefix, 28, 0)"],
  ]),
  ...on("app.bicep", APP_SUBNET, [
    ["{ allTraffic: true }", "{ applicationTraffic: true }"],
    ["inNetwork ? subnetId : null", "null"],
  ]),
  ...on("main.bicep", APP_SUBNET, [
    [
      "network!.outputs.appSubnetId : existingAppSubnetId",
      "network!.outputs.appSubnetId : existingEndpointSubnetId",
      "existing network",
    ],
  ]),
  ...on("network.bicep", SUBNETS, [
    ["name: 'endpoints'\n", "name: 'private_endpoints'\n"],
    ["          networkSecurityGroup: { id: endpointRules.id }\n", ""],
    ["defaultOutboundAccess: false", "defaultOutboundAccess: true"],
    ["privateEndpointNetworkPolicies: 'Enabled'", "privateEndpointNetworkPolicies: 'Disabled'"],
  ]),
  ...on("network.bicep", RULES, [
    ["hasNat ? [appToInternet] : [], [denyOutbound, denyInbound]", "hasNat ? [appToInternet] : [], [denyOutbound]"],
    ["[denyOutbound, denyInbound]\n", "[denyInbound]\n"],
    ["description: 'The function app is the client of every private endpoint.'", "description: ''"],
    ["var servicePorts = ['443', '5671', '9093']", "var servicePorts = ['*']"],
    ["protocol: 'Tcp'", "protocol: '*'"],
    ["sourceAddressPrefix: appPrefix", "sourceAddressPrefix: '*'"],
  ]),
  ...on("network.bicep", WAY_OUT, [
    ["var hasNat = outbound == 'nat'", "var hasNat = outbound != 'never'"],
    ["natGateway: hasNat ? { id: nat!.id } : null", "natGateway: null", "nat and trusted ranges"],
    ["hasNat ? [appToInternet] : []", "[]", "nat and trusted ranges"],
  ]),
  ...on("roles.bicep", ROLES, [
    ["a638d3c7-ab3a-418d-83e6-5f17a39d4fde", "2b629674-e913-4c01-ae53-ef4638d8f975"],
    ["var hostRoles = [", "var hostRoles = [\n  'b24988ac-6180-42a0-ab88-20f7382dd24c'"],
    ["'974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor\n]", "]"],
    ["scope: roleContainers[at]", "scope: dataStorage"],
    ["scope: roleQueues[at]", "scope: queueService"],
    ["for (role, at) in queueRoles: {\n  scope", "for (role, at) in take(queueRoles, 1): {\n  scope"],
    ["write: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'", "write: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a'"],
    ["replace(role.resource, '/', '/colls/')", "split(role.resource, '/')[0]"],
    ["filter(hubs, hub => !hub.written)", "hubs", "prod, rich"],
    ["read: '00000000-0000-0000-0000-000000000001'", "read: '00000000-0000-0000-0000-000000000002'", "prod, rich"],
    ["for (role, at) in hubRoles: {\n  scope", "for (role, at) in take(hubRoles, 1): {\n  scope"],
  ]),
  ...on("vault.bicep", ROLES, [
    ["scope: keys[at]", "scope: vault"],
    ["principalId: servicePrincipalId", "principalId: tenant().tenantId"],
  ]),
  ...on("kafka-secrets.bicep", ROLES, [["scope: secrets[at]", "scope: vault", "prod, rich"]]),
  ...on("capture-role.bicep", ROLES, [["scope: container", "scope: account", "prod, rich"]]),
  ...on("roles.bicep", "no role is granted on the resource group", [["  scope: insights\n", ""]]),
  ...on("storage.bicep", SHARED_KEYS, [
    ["allowSharedKeyAccess: false", "allowSharedKeyAccess: true"],
    ["isLocalUserEnabled: false", "isLocalUserEnabled: true"],
    ["allowBlobPublicAccess: false", "allowBlobPublicAccess: true"],
  ]),
  ...on("hubs.bicep", SHARED_KEYS, [
    ["localAuth: false", "localAuth: true"],
    ["hubs: kafkaHubs", "hubs: concat(kafkaHubs, take(mainHubs, 1))", "prod, rich"],
  ]),
  ...on("cosmos.bicep", SHARED_KEYS, [
    ["disableLocalAuth: true", "disableLocalAuth: false"],
    ["disableKeyBasedMetadataWriteAccess: true", "disableKeyBasedMetadataWriteAccess: false"],
  ]),
  ...on("monitoring.bicep", SHARED_KEYS, [
    ["DisableLocalAuth: true", "DisableLocalAuth: false"],
    ["disableLocalAuth: true", "disableLocalAuth: false"],
  ]),
  ...on("vault.bicep", SHARED_KEYS, [["enableRbacAuthorization: true", "enableRbacAuthorization: false"]]),
  ...on("kafka-secrets.bicep", KAFKA, [
    ["rights: ['Listen']", "rights: ['Listen', 'Send']", "prod, rich"],
    ["value: rules[at].listKeys().primaryConnectionString", "value: 'none'", "prod, rich"],
  ]),
  ...on("kafka-secrets.bicep", SECRETS, [
    [
      "output vaultUris object",
      "output first string = rules[0].listKeys().primaryConnectionString\noutput vaultUris object",
      "prod, rich",
    ],
    [
      "principalId: principalId\n",
      "principalId: principalId\n    description: rules[at].listKeys().primaryConnectionString\n",
      "prod, rich",
    ],
  ]),
  ...on("identity.bicep", IDENTITIES, [
    ["output appIdentityId string = app.id", "output appIdentityId string = services.id"],
    ["servicePrincipalId string = services.", "servicePrincipalId string = app."],
  ]),
  ...on("app.bicep", IDENTITIES, [
    ["type: 'UserAssigned'\n    userAssignedIdentities: { '${identityId}': {} }", "type: 'SystemAssigned'"],
  ]),
];
