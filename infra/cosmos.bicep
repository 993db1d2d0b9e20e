// The Cosmos DB account that serves results and reference tables.

@minLength(3)
@maxLength(44)
param name string
param location string
param tags object
param mode string
param maximumThroughput int
param secondaryLocations string[]
param consistency string
param zoneRedundant bool
param publicAccess string
param ipRanges string[]
@description('Containers as the manifest has them.')
param containers array
@description('Key without a version, or empty for a key of the service.')
param encryptionKeyUri string
param serviceIdentityId string
param workspaceId string
param dataPlaneLogs bool
param lock bool

var isServerless = mode == 'serverless'
var ownKey = !empty(encryptionKeyUri)
var databases = union(map(containers, one => one.database), [])

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  identity: ownKey ? { type: 'UserAssigned', userAssignedIdentities: { '${serviceIdentityId}': {} } } : null
  properties: {
    databaseAccountOfferType: 'Standard'
    capabilities: isServerless ? [{ name: 'EnableServerless' }] : []
    locations: map(concat([location], secondaryLocations), (one, at) => {
      locationName: one
      failoverPriority: at
      isZoneRedundant: zoneRedundant
    })
    consistencyPolicy: {
      defaultConsistencyLevel: consistency
      maxIntervalInSeconds: consistency == 'BoundedStaleness' ? 300 : null
      maxStalenessPrefix: consistency == 'BoundedStaleness' ? 100000 : null
    }
    enableAutomaticFailover: !empty(secondaryLocations)
    // Two regions that both accept writes could each take a different owner's document.
    enableMultipleWriteLocations: false
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: publicAccess
    networkAclBypass: 'None'
    ipRules: map(ipRanges, range => { ipAddressOrRange: range })
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: { tier: isServerless ? 'Continuous7Days' : 'Continuous30Days' }
    }
    keyVaultKeyUri: ownKey ? encryptionKeyUri : null
    defaultIdentity: ownKey ? 'UserAssignedIdentity=${serviceIdentityId}' : null
  }
}

resource databaseList 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' = [for database in databases: {
  parent: account
  name: database
  properties: {
    resource: { id: database }
  }
}]

resource containerList 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = [for container in containers: {
  parent: databaseList[indexOf(databases, container.database)]
  name: container.name
  properties: {
    resource: {
      id: container.name
      partitionKey: {
        paths: container.partitionKeyPaths
        kind: length(container.partitionKeyPaths) > 1 ? 'MultiHash' : 'Hash'
        version: 2
      }
      defaultTtl: container.?defaultTtl
      indexingPolicy: {
        indexingMode: 'consistent'
        automatic: true
        includedPaths: [{ path: '/*' }]
        // What nobody asks for costs request units at every write.
        excludedPaths: map(concat(container.unindexedPaths, ['/_etag/?']), path => { path: path })
      }
    }
    options: isServerless ? {} : { autoscaleSettings: { maxThroughput: maximumThroughput } }
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'logs-${name}'
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: concat(
      [
        { category: 'ControlPlaneRequests', enabled: true }
        { category: 'PartitionKeyRUConsumption', enabled: true }
      ],
      dataPlaneLogs ? [{ category: 'DataPlaneRequests', enabled: true }] : []
    )
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

resource deleteLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'keep-${name}'
  properties: {
    level: 'CanNotDelete'
    notes: 'Holds the results.'
  }
}

output id string = account.id
output name string = account.name
output endpoint string = account.properties.documentEndpoint
