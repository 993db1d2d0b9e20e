// What the app's identity, and producers outside, may do. Every line of the manifest's roles becomes one assignment at
// the hub, container or queue it names; nothing is granted on a namespace, on the data account or on the group.

param principalId string
param producerPrincipalIds string[]
param hostStorageName string
param dataStorageName string
param cosmosName string
param namespaceName string
param insightsName string
@description('Hubs as the manifest has them.')
param hubs array
@description('Roles as the manifest has them: scope, resource and role.')
param roles array

var definitions = {
  hub: {
    receive: 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde' // Azure Event Hubs Data Receiver
    send: '2b629674-e913-4c01-ae53-ef4638d8f975' // Azure Event Hubs Data Sender
  }
  blobContainer: {
    read: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1' // Storage Blob Data Reader
    write: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe' // Storage Blob Data Contributor
  }
  queue: {
    write: '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor
  }
  cosmosContainer: {
    read: '00000000-0000-0000-0000-000000000001' // Cosmos DB Built-in Data Reader
    write: '00000000-0000-0000-0000-000000000002' // Cosmos DB Built-in Data Contributor
  }
}

// The Functions host leases, lists and creates containers and queues of its own: it needs to own its account.
var hostRoles = [
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // Storage Blob Data Owner
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // Storage Queue Data Contributor
]
var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb' // Monitoring Metrics Publisher

var hubNames = map(hubs, hub => hub.name)
var hubRoles = filter(roles, role => role.scope == 'hub' && contains(hubNames, role.resource))
var blobRoles = filter(roles, role => role.scope == 'blobContainer')
var queueRoles = filter(roles, role => role.scope == 'queue')
var cosmosRoles = filter(roles, role => role.scope == 'cosmosContainer')

// Producers outside the app send to the hubs that no pipeline writes.
var openHubs = filter(hubs, hub => !hub.written)
var producerRoles = flatten(map(producerPrincipalIds, id => map(openHubs, hub => { principalId: id, hub: hub.name })))

resource hostStorage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: hostStorageName
}

resource dataStorage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: dataStorageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: dataStorage
  name: 'default'
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' existing = {
  parent: dataStorage
  name: 'default'
}

resource namespace 'Microsoft.EventHub/namespaces@2026-01-01' existing = {
  name: namespaceName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' existing = {
  name: cosmosName
}

resource roleHubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = [for role in hubRoles: {
  parent: namespace
  name: role.resource
}]

resource producerHubs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' existing = [for role in producerRoles: {
  parent: namespace
  name: role.hub
}]

resource roleContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = [for role in blobRoles: {
  parent: blobs
  name: role.resource
}]

resource roleQueues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' existing = [for role in queueRoles: {
  parent: queueService
  name: role.resource
}]

resource hubAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (role, at) in hubRoles: {
  scope: roleHubs[at]
  name: guid(roleHubs[at].id, principalId, role.role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions.hub[role.role])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource producerAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (role, at) in producerRoles: {
  scope: producerHubs[at]
  name: guid(producerHubs[at].id, role.principalId, 'send')
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions.hub.send)
    // A person or a group may be a producer too, so no principal type is claimed.
    principalId: role.principalId
  }
}]

resource blobAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (role, at) in blobRoles: {
  scope: roleContainers[at]
  name: guid(roleContainers[at].id, principalId, role.role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions.blobContainer[role.role])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource queueAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (role, at) in queueRoles: {
  scope: roleQueues[at]
  name: guid(roleQueues[at].id, principalId, role.role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', definitions.queue[role.role])
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource hostAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in hostRoles: {
  scope: hostStorage
  name: guid(hostStorage.id, principalId, role)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

resource telemetryAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, principalId, metricsPublisher)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Roles on data in Cosmos DB are the account's own, apart from Azure's.
resource cosmosAssignments 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = [for role in cosmosRoles: {
  parent: cosmos
  name: guid(cosmos.id, role.resource, principalId, role.role)
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/${definitions.cosmosContainer[role.role]}'
    principalId: principalId
    scope: '${cosmos.id}/dbs/${replace(role.resource, '/', '/colls/')}'
  }
}]
