// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is the interpolation of Bicep
import { type Mutation, on } from "./mutation.ts";

const ACCOUNTS = "the host and the pipelines have accounts apart, with what the manifest says";
const LIFECYCLE = "dead letters and old logs expire, checkpoints never";
const TLS = "nothing is sent without TLS 1.2";
const CONTAINERS = "containers of Cosmos DB are as the manifest says";
const COSMOS = "Cosmos DB has its regions, one of which takes writes, and a continuous backup";
const KEYS = "customer-managed keys are used where asked for and possible";
const VAULT = "the vault is there when needed and cannot be purged";
const HUBS = "hubs are as the manifest says";
const CAPTURE = "Capture writes with an identity to its own account";
const TIER = "the namespace has its tier, its size and its replicas";
const SETTINGS = "every setting that is read is set, and every one that is set is read";
const VALUES = "settings have their values and none that Flex Consumption forbids";
const FLEX = "the app is made as Flex Consumption wants it";
const SCALE = "the app scales as the parameters say";
const PUBLISHING = "nobody publishes with a password";
const DIAGNOSTICS = "every service sends its logs and metrics to the workspace";
const LOCKS = "whatever holds data is locked when asked for";
const POLICIES = "compliance initiatives report and change nothing";
const ALERTS = "there are the alerts that mean something, and they tell somebody";
const NAMES = "names are such as the services take";
const TAGS = "everything that can be tagged is";

/** Ways to break stores, hubs, the app and its operation. */
export const CONTENT: readonly Mutation[] = [
  ...on("stores.bicep", ACCOUNTS, [
    ["containers: ['deployment']", "containers: concat(['deployment'], containers)"],
    ["hierarchical: false", "hierarchical: true"],
    ["module captured 'storage.bicep' = if (capture)", "module captured 'storage.bicep' = if (true)"],
  ]),
  ...on("storage.bicep", ACCOUNTS, [
    ["[for container in containers: {", "[for container in take(containers, 1): {"],
    ["[for queue in queues: {", "[for queue in take(queues, 1): {"],
  ]),
  ...on("stores.bicep", LIFECYCLE, [
    ["map(expiringFolders, one", "map(containers, one"],
    ["days: deadLetterRetentionDays", "days: 1"],
    ["expiring: [{ prefix: 'azure-webjobs-hosts/output-logs', days: 30 }]", "expiring: []"],
  ]),
  ...on("storage.bicep", LIFECYCLE, [
    ["type: 'Lifecycle'\n        enabled: true", "type: 'Lifecycle'\n        enabled: false"],
  ]),
  ...on("storage.bicep", TLS, [
    ["'TLS1_2'", "'TLS1_0'"],
    ["supportsHttpsTrafficOnly: true", "supportsHttpsTrafficOnly: false"],
  ]),
  ...on("hub.bicep", TLS, [["minimumTlsVersion: '1.2'", "minimumTlsVersion: '1.0'"]]),
  ...on("cosmos.bicep", TLS, [["'Tls12'", "'Tls'"]]),
  ...on("app.bicep", TLS, [
    ["httpsOnly: true", "httpsOnly: false"],
    ["minTlsVersion: '1.2'", "minTlsVersion: '1.0'"],
    ["scmMinTlsVersion: '1.2'", "scmMinTlsVersion: '1.0'"],
  ]),
  ...on("cosmos.bicep", CONTAINERS, [
    ["paths: container.partitionKeyPaths", "paths: ['/id']"],
    ["defaultTtl: container.?defaultTtl", "defaultTtl: 60"],
    ["concat(container.unindexedPaths, ['/_etag/?'])", "['/_etag/?']"],
    ["isServerless ? {} : {", "true ? {} : {"],
    ["[for container in containers: {", "[for container in take(containers, 1): {"],
    ["maxThroughput: maximumThroughput", "maxThroughput: 1000"],
  ]),
  ...on("cosmos.bicep", COSMOS, [
    ["concat([location], secondaryLocations)", "[location]", "several regions"],
    ["failoverPriority: at", "failoverPriority: 0", "several regions"],
    ["isZoneRedundant: zoneRedundant", "isZoneRedundant: false"],
    ["enableMultipleWriteLocations: false", "enableMultipleWriteLocations: true"],
    ["enableAutomaticFailover: !empty(secondaryLocations)", "enableAutomaticFailover: false", "several regions"],
    ["type: 'Continuous'\n", "type: 'Periodic'\n"],
    ["isServerless ? [{ name: 'EnableServerless' }] : []", "[]", "dev"],
    ["defaultConsistencyLevel: consistency", "defaultConsistencyLevel: 'Eventual'"],
  ]),
  ...on("storage.bicep", KEYS, [
    ["ownKey ? 'Microsoft.Keyvault' : 'Microsoft.Storage'", "'Microsoft.Storage'"],
    ["queue: { enabled: true, keyType: 'Account' }", "queue: { enabled: true, keyType: 'Service' }"],
    ["requireInfrastructureEncryption: true", "requireInfrastructureEncryption: false"],
    ["keyvaulturi: keyParts[0]", "keyvaulturi: 'https://other.vault.azure.net'"],
  ]),
  ...on("cosmos.bicep", KEYS, [
    ["keyVaultKeyUri: ownKey ? encryptionKeyUri : null", "keyVaultKeyUri: null"],
    ["'UserAssignedIdentity=${serviceIdentityId}' : null", "null : null"],
  ]),
  ...on("main.bicep", KEYS, [
    ["customerManagedKeys && hubTier != 'Standard'", "customerManagedKeys", "Standard with own keys"],
    ["customerManagedKeys && hubTier != 'Standard'", "false"],
    ["['storage', 'cosmos']", "['storage', 'cosmos', 'spare']"],
  ]),
  ...on("vault.bicep", VAULT, [
    ["enablePurgeProtection: true", "enablePurgeProtection: false"],
    ["bypass: 'AzureServices'", "bypass: 'None'"],
    ["expiryTime: 'P2Y'", "expiryTime: 'P9Y'"],
  ]),
  ...on("main.bicep", VAULT, [["var hasVault = customerManagedKeys || hasKafka", "var hasVault = true", "dev"]]),
  ...on("main.bicep", HUBS, [
    ["hubRetentionHours > 0 ? hubRetentionHours : hub.retentionHours", "hub.retentionHours", "other thresholds"],
    ["contains(capturedHubs, hub.name) ?", "contains(capturedHubs, 'x') ?", "Premium without own keys"],
  ]),
  ...on("hub.bicep", HUBS, [
    ["partitionCount: hub.partitions", "partitionCount: 1"],
    ["cleanupPolicy: hub.cleanupPolicy", "cleanupPolicy: 'Delete'", "prod, rich"],
    ["hub.cleanupPolicy == 'Delete' ? hub.retentionHours", "hub.cleanupPolicy == 'Delete' ? 1"],
    ["intervalInSeconds: hub.capture.intervalSeconds", "intervalInSeconds: 60", "prod, rich"],
    ["filter(hub.consumerGroups, group => group != '$Default')", "take(hub.consumerGroups, 1)"],
    [
      "[for hub in hubs: {\n  parent",
      "[for hub in concat(hubs, [{ name: 'spare', partitions: 1, cleanupPolicy: 'Delete', retentionHours: 1, consumerGroups: [] }]): {\n  parent",
    ],
  ]),
  ...on("hub.bicep", "every function has consumer groups of its own", [
    ["[for group in groups: {", "[for group in take(groups, 1): {"],
  ]),
  ...on("hub.bicep", CAPTURE, [
    ["storageAccountResourceId: captureAccountId", "storageAccountResourceId: namespace.id", "prod, rich"],
    ["identity: { type: 'UserAssigned', userAssignedIdentity: serviceIdentityId }\n", "\n", "prod, rich"],
  ]),
  ...on("stores.bicep", CAPTURE, [["trustServices: true", "trustServices: false", "prod, rich"]]),
  ...on("hub.bicep", TIER, [
    ["capacity: isDedicated ? 1 : capacity", "capacity: 1", "Premium without own keys"],
    ["isAutoInflateEnabled: inflates", "isAutoInflateEnabled: false", "Standard with own keys"],
    ["kafkaEnabled: true", "kafkaEnabled: false"],
    ["clusterArmId: isDedicated ? cluster!.id : null", "clusterArmId: null", "Dedicated"],
    [
      "{ locationName: secondaryLocation, roleType: 'Secondary' }",
      "{ locationName: location, roleType: 'Secondary' }",
      "prod, rich",
    ],
    ["zoneRedundant: zoneRedundant", "zoneRedundant: false"],
    ["var sku = isDedicated ? 'Standard' : tier", "var sku = 'Standard'"],
  ]),
  ...on("hub.bicep", "a schema group is there when asked for", [
    ["if (!empty(schemaGroup))", "if (empty(schemaGroup))", "Premium without own keys"],
  ]),
  ...on("main.bicep", SETTINGS, [
    ["settings: manifest.settings", "settings: filter(manifest.settings, one => one.source != 'dataQueueEndpoint')"],
  ]),
  ...on("stores.bicep", VALUES, [["data.outputs.queueEndpoint", "''"]]),
  ...on("app.bicep", SETTINGS, [
    ["appSettings: map(settings,", "appSettings: map(take(settings, 3),"],
    ["name: setting.name\n", "name: replace(setting.name, '__clientId', '__clientID')\n"],
  ]),
  ...on("main.bicep", VALUES, [
    ["hostAccountName: stores.outputs.hostName", "hostAccountName: stores.outputs.dataName"],
    [
      "settings: manifest.settings",
      "settings: concat(manifest.settings, [{ name: 'TZ', source: 'clientId', hub: '' }])",
    ],
  ]),
  ...on("app.bicep", VALUES, [
    ["keyVaultReferenceIdentity: identityId", "keyVaultReferenceIdentity: 'SystemAssigned'"],
    ["Authorization=AAD", "Authorization=None"],
    ["'@Microsoft.KeyVault(SecretUri=${kafkaVaultUris[setting.hub]})'", "kafkaVaultUris[setting.hub]", "prod, rich"],
  ]),
  ...on("app.bicep", FLEX, [
    ["'FC1'", "'EP1'"],
    ["reserved: true", "reserved: false"],
    ["zoneRedundant: zoneRedundant", "zoneRedundant: false"],
    ["name: 'node', version: nodeVersion", "name: 'node', version: '20'"],
    ["type: 'UserAssignedIdentity'", "type: 'StorageAccountConnectionString'"],
    ["value: packageContainerUri", "value: '${packageContainerUri}s'"],
    ["inNetwork ? { allTraffic: true } : null", "{ allTraffic: true }", "dev"],
    ["      ftpsState:", "      vnetRouteAllEnabled: true\n      ftpsState:"],
  ]),
  ...on("app.bicep", SCALE, [
    ["instanceMemoryMB: instanceMemoryMB", "instanceMemoryMB: 2048", "other sizes"],
    ["maximumInstanceCount: maximumInstanceCount", "maximumInstanceCount: 40"],
  ]),
  ...on("main.bicep", SCALE, [
    ["alwaysReadyOverrides[?one.name] ?? (", "(", "other sizes"],
    ["contains(['eventHub', 'kafka'], one.trigger) ?", "true ?"],
    ["['eventHub', 'kafka']", "['eventHub']", "prod, rich"],
  ]),
  ...on("app.bicep", PUBLISHING, [
    ["allow: false", "allow: true"],
    ["['ftp', 'scm']", "['ftp']"],
    ["ftpsState: 'Disabled'", "ftpsState: 'FtpsOnly'"],
    ["remoteDebuggingEnabled: false", "remoteDebuggingEnabled: true"],
  ]),
  ...on("app.bicep", "azd finds the app", [["'azd-service-name': 'app'", "'azd-service-name': 'api'"]]),
  ...on("storage.bicep", "storage is as redundant as asked for", [["name: redundancy", "name: 'Standard_LRS'"]]),
  ...on("hub.bicep", DIAGNOSTICS, [
    ["logs: [{ categoryGroup: 'allLogs', enabled: true }]", "logs: [{ categoryGroup: 'allLogs', enabled: false }]"],
    ["workspaceId: workspaceId", "workspaceId: serviceIdentityId"],
  ]),
  ...on("storage.bicep", DIAGNOSTICS, [
    ["  scope: queueService\n", "  scope: account\n"],
    ["logs: dataPlaneLogs ? [{ categoryGroup: 'audit', enabled: true }] : ", "logs: "],
  ]),
  ...on("cosmos.bicep", DIAGNOSTICS, [
    ["dataPlaneLogs ? [{ category: 'DataPlaneRequests', enabled: true }] : []", "dataPlaneLogs ? [] : []"],
  ]),
  ...on("vault.bicep", DIAGNOSTICS, [
    ["  scope: vault\n  name: 'logs-${name}'", "  scope: keys[0]\n  name: 'logs-${name}'"],
  ]),
  ...on("stores.bicep", LOCKS, [["lock: locks", "lock: false"]]),
  ...on("cosmos.bicep", LOCKS, [
    ["if (lock)", "if (!lock)"],
    ["'CanNotDelete'", "'ReadOnly'"],
  ]),
  ...on("hubs.bicep", LOCKS, [["lock: locks", "lock: false"]]),
  ...on("policy.bicep", POLICIES, [
    ["'DoNotEnforce'", "'Default'"],
    ["e0d47b75-5d99-442a-9d60-07f2595ab095", "a169a624-5599-4385-a696-c8d643089fab"],
    ["tenantResourceId(", "subscriptionResourceId("],
  ]),
  ...on("main.bicep", POLICIES, [["if (policyAssignments)", "if (true || policyAssignments)", "without the extras"]]),
  ...on("alerts.bicep", ALERTS, [
    ["actionGroups: [actionGroupId]", "actionGroups: []"],
    ["threshold: rule.threshold", "threshold: 0"],
    ["name: 'lag-events'", "name: 'lag'"],
    ["scopes: [cosmosId]", "scopes: [namespaceId]"],
    ["actions: [{ actionGroupId: actionGroupId }]", "actions: []"],
    ["dimensions: ['function']", "dimensions: ['name']"],
  ]),
  ...on("queries/dead-letters.kql", ALERTS, [["summarize value = ", "summarize dead = "]]),
  ...on("alerts.bicep", "the workbook shows what the alerts look at", [
    ["items: map(rules,", "items: map(take(rules, 2),"],
    ["'timechart'", "'table'"],
  ]),
  ...on("monitoring.bicep", "logs are kept as long as asked for", [
    ["retentionInDays: retentionDays", "retentionInDays: 30"],
  ]),
  ...on("monitoring.bicep", "alerts reach the address that was given", [
    ["emailReceivers: empty(alertEmail) ? []", "emailReceivers: true ? []", "other thresholds"],
  ]),
  ...on("main.bicep", NAMES, [["name: 'kv-${shortStem}'", "name: 'kv-${stem}'"]]),
  ...on("cosmos.bicep", NAMES, [["  name: name\n", "  name: '${name}_'\n"]]),
  ...on("network.bicep", TAGS, [["  tags: tags\n", ""]]),
  ...on("main.bicep", TAGS, [["union(tags, { environment", "union({ environment", "other thresholds"]]),
];
