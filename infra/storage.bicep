// One storage account. The app has two, because the Functions host needs to own its account, and a role that wide on
// the account of the checkpoints would make every narrower role meaningless.

@minLength(3)
@maxLength(24)
param name string
param location string
param tags object
param redundancy string
param publicAccess string
param ipRanges string[]
@description('Whether only private endpoints and ipRanges get in.')
param restricted bool
param containers string[]
param queues string[]
@description('[{ prefix, days }]: what is deleted when nobody wrote to it for so many days.')
param expiring array
@description('Whether the account has real folders, as Capture wants; append blobs and leases are for flat ones.')
param hierarchical bool
@description('Whether Azure services with a role here get in past the network rules.')
param trustServices bool
@description('Key without a version, or empty for a key of the service.')
param encryptionKeyUri string
param serviceIdentityId string
param workspaceId string
param dataPlaneLogs bool
param lock bool

var ownKey = !empty(encryptionKeyUri)
var keyParts = split(encryptionKeyUri, '/keys/')

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: redundancy
  }
  identity: ownKey ? { type: 'UserAssigned', userAssignedIdentities: { '${serviceIdentityId}': {} } } : null
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isHnsEnabled: hierarchical
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicAccess
    networkAcls: {
      bypass: trustServices ? 'AzureServices' : 'None'
      defaultAction: restricted ? 'Deny' : 'Allow'
      ipRules: map(ipRanges, range => { value: range, action: 'Allow' })
    }
    encryption: {
      keySource: ownKey ? 'Microsoft.Keyvault' : 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      identity: ownKey ? { userAssignedIdentity: serviceIdentityId } : null
      keyvaultproperties: ownKey ? { keyvaulturi: keyParts[0], keyname: keyParts[1] } : null
      services: {
        blob: { enabled: true, keyType: 'Account' }
        file: { enabled: true, keyType: 'Account' }
        // Queues and tables take the account's key only if told so at creation.
        queue: { enabled: true, keyType: 'Account' }
        table: { enabled: true, keyType: 'Account' }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = [for container in containers: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' = {
  parent: account
  name: 'default'
}

resource queueList 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' = [for queue in queues: {
  parent: queueService
  name: queue
}]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-08-01' = if (!empty(expiring)) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: map(expiring, (rule, at) => {
        name: 'expire-${at}'
        type: 'Lifecycle'
        enabled: true
        definition: {
          filters: { blobTypes: ['blockBlob', 'appendBlob'], prefixMatch: [rule.prefix] }
          actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: rule.days } } }
        }
      })
    }
  }
  dependsOn: [blobs]
}

resource blobDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'logs-${name}-blobs'
  properties: {
    workspaceId: workspaceId
    logs: dataPlaneLogs ? [{ categoryGroup: 'audit', enabled: true }] : [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource queueDiagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: queueService
  name: 'logs-${name}-queues'
  properties: {
    workspaceId: workspaceId
    logs: dataPlaneLogs ? [{ categoryGroup: 'audit', enabled: true }] : [{ category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

resource deleteLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'keep-${name}'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the only copy of what the pipelines know.'
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
