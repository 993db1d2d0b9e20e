// A vault for customer-managed keys and for the secrets of the Kafka trigger. It exists only when one of them does.

param name string
param location string
param tags object
param publicAccess string
param ipRanges string[]
@description('Whether only private endpoints, ipRanges and trusted services get in.')
param restricted bool
param keyNames string[]
param servicePrincipalId string
param workspaceId string
param lock bool

// Key Vault Crypto Service Encryption User: wrap, unwrap and read, nothing else.
var encryptionUser = 'e147488a-f6f5-4113-8e2d-b22465e65bf6'

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      // Premium keeps keys in hardware.
      name: 'premium'
    }
    enableRbacAuthorization: true
    // A key that can be purged can take all data with it; services refuse such vaults.
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: publicAccess
    networkAcls: {
      // Storage, Cosmos DB and Event Hubs fetch keys from outside the network, as trusted services.
      bypass: 'AzureServices'
      defaultAction: restricted ? 'Deny' : 'Allow'
      ipRules: map(ipRanges, range => { value: range })
    }
  }
}

resource keys 'Microsoft.KeyVault/vaults/keys@2025-05-01' = [for key in keyNames: {
  parent: vault
  name: key
  properties: {
    kty: 'RSA-HSM'
    keySize: 3072
    keyOps: ['wrapKey', 'unwrapKey']
    rotationPolicy: {
      attributes: { expiryTime: 'P2Y' }
      lifetimeActions: [
        {
          trigger: { timeAfterCreate: 'P1Y' }
          action: { type: 'rotate' }
        }
      ]
    }
  }
}]

resource keyRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (key, at) in keyNames: {
  scope: keys[at]
  name: guid(vault.id, key, servicePrincipalId, encryptionUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', encryptionUser)
    principalId: servicePrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'logs-${name}'
  properties: {
    workspaceId: workspaceId
    logs: [{ categoryGroup: 'audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

resource deleteLock 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: vault
  name: 'keep-${name}'
  properties: {
    level: 'CanNotDelete'
    notes: 'Without its keys nothing here can be read.'
  }
}

output id string = vault.id
output name string = vault.name
output uri string = vault.properties.vaultUri
// Without a version, so that services follow rotation.
output keyUris object = toObject(keyNames, key => key, key => '${vault.properties.vaultUri}keys/${key}')
