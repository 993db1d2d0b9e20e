// An Event Hubs namespace with its hubs, consumer groups, schema registry and Capture.

@minLength(6)
@maxLength(50)
param name string
param location string
param tags object
param tier string
param capacity int
param maximumCapacity int
param zoneRedundant bool
param secondaryLocation string
param publicAccess string
param ipRanges string[]
@description('Whether only private endpoints and ipRanges get in.')
param restricted bool
@description('Whether shared keys may sign in: a switch of the whole namespace.')
param localAuth bool
@description('Hubs as the manifest has them.')
param hubs array
param schemaGroup string
@description('Account that Capture writes to; empty when no hub is captured.')
param captureAccountId string
@description('Vault of the customer-managed key; empty for a key of the service.')
param vaultUri string
param serviceIdentityId string
param workspaceId string
param lock bool

var isDedicated = tier == 'Dedicated'
// A namespace in a dedicated cluster is of the Standard tier by name.
var sku = isDedicated ? 'Standard' : tier
var inflates = tier == 'Standard' && maximumCapacity > capacity
var ownKey = !empty(vaultUri)
var needsIdentity = ownKey || !empty(captureAccountId)
// Every hub has $Default already.
var groups = flatten(map(hubs, (hub, at) => map(
  filter(hub.consumerGroups, group => group != '$Default'),
  group => { hubAt: at, name: group }
)))

resource cluster 'Microsoft.EventHub/clusters@2024-01-01' = if (isDedicated) {
  name: '${name}-cluster'
  location: location
  tags: tags
  sku: {
    name: 'Dedicated'
    capacity: capacity
  }
}

resource namespace 'Microsoft.EventHub/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
    capacity: isDedicated ? 1 : capacity
  }
  identity: needsIdentity ? { type: 'UserAssigned', userAssignedIdentities: { '${serviceIdentityId}': {} } } : null
  properties: {
    clusterArmId: isDedicated ? cluster!.id : null
    disableLocalAuth: !localAuth
    isAutoInflateEnabled: inflates
    maximumThroughputUnits: inflates ? maximumCapacity : 0
    // Kafka clients, with Entra ID, on port 9093.
    kafkaEnabled: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicAccess
    zoneRedundant: zoneRedundant
    encryption: ownKey ? {
      keySource: 'Microsoft.KeyVault'
      requireInfrastructureEncryption: true
      keyVaultProperties: [
        {
          keyName: 'hubs'
          keyVaultUri: vaultUri
          identity: { userAssignedIdentity: serviceIdentityId }
        }
      ]
    } : null
    geoDataReplication: empty(secondaryLocation) ? null : {
      // An event is acknowledged when both regions have it or the second is at most so far behind.
      maxReplicationLagDurationInSeconds: 300
      locations: [
        { locationName: location, roleType: 'Primary' }
        { locationName: secondaryLocation, roleType: 'Secondary' }
      ]
    }
  }
}

resource rules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: publicAccess
    defaultAction: restricted ? 'Deny' : 'Allow'
    trustedServiceAccessEnabled: false
    ipRules: map(ipRanges, range => { ipMask: range, action: 'Allow' })
  }
}

resource hubList 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = [for hub in hubs: {
  parent: namespace
  name: hub.name
  properties: {
    partitionCount: hub.partitions
    retentionDescription: {
      cleanupPolicy: hub.cleanupPolicy
      // A compacted hub keeps the last event of each key whatever its age.
      retentionTimeInHours: hub.cleanupPolicy == 'Delete' ? hub.retentionHours : null
      tombstoneRetentionTimeInHours: hub.cleanupPolicy == 'Compact' ? hub.retentionHours : null
    }
    captureDescription: hub.?capture == null ? null : {
      enabled: true
      encoding: 'Avro'
      intervalInSeconds: hub.capture.intervalSeconds
      sizeLimitInBytes: hub.capture.sizeBytes
      skipEmptyArchives: true
      destination: {
        name: 'EventHubArchive.AzureBlockBlob'
        identity: { type: 'UserAssigned', userAssignedIdentity: serviceIdentityId }
        properties: {
          storageAccountResourceId: captureAccountId
          blobContainer: 'capture'
          archiveNameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
        }
      }
    }
  }
}]

resource groupList 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = [for group in groups: {
  parent: hubList[group.hubAt]
  name: group.name
}]

resource schemas 'Microsoft.EventHub/namespaces/schemagroups@2024-01-01' = if (!empty(schemaGroup)) {
  parent: namespace
  name: empty(schemaGroup) ? 'none' : schemaGroup
  properties: {
    schemaType: 'Avro'
    // A new schema must read what old producers wrote.
    schemaCompatibility: 'Backward'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'logs-${name}'
  properties: {
    workspaceId: workspaceId
    // Everything the tier writes; runtime audit logs come with Premium and Dedicated only.
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

resource deleteLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: namespace
  name: 'keep-${name}'
  properties: {
    level: 'CanNotDelete'
    notes: 'A hub that is deleted takes its events with it.'
  }
}

output id string = namespace.id
output name string = namespace.name
output host string = '${namespace.name}.servicebus.windows.net'
