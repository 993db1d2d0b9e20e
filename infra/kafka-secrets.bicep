// One listen-only rule per hub of the Kafka trigger, its connection string in the vault, and the right to read it.

param namespaceName string
param vaultName string
param hubNames string[]
param principalId string

// Key Vault Secrets User
var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'

resource namespace 'Microsoft.EventHub/namespaces@2026-01-01' existing = {
  name: namespaceName
}

resource hubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = [for hub in hubNames: {
  parent: namespace
  name: hub
}]

resource rules 'Microsoft.EventHub/namespaces/eventhubs/authorizationRules@2024-01-01' = [for (hub, at) in hubNames: {
  parent: hubs[at]
  name: 'listen'
  properties: {
    rights: ['Listen']
  }
}]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName
}

resource secrets 'Microsoft.KeyVault/vaults/secrets@2025-05-01' = [for (hub, at) in hubNames: {
  parent: vault
  name: 'kafka-${replace(replace(hub, '.', '-'), '_', '-')}'
  properties: {
    contentType: 'Event Hubs connection string, listen only'
    value: rules[at].listKeys().primaryConnectionString
  }
}]

resource roles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (hub, at) in hubNames: {
  scope: secrets[at]
  name: guid(vault.id, hub, principalId, secretsUser)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

output vaultUris object = toObject(
  hubNames,
  hub => hub,
  hub => '${vault.properties.vaultUri}secrets/kafka-${replace(replace(hub, '.', '-'), '_', '-')}'
)
