// The namespace of the pipelines' hubs and, when the Kafka trigger reads some, a second one.

param stem string
param location string
param tags object
param tier string
param capacity int
param maximumCapacity int
param zoneRedundant bool
param secondaryLocation string
param publicAccess string
param ipRanges string[]
param restricted bool
param mainHubs array
param kafkaHubs array
param schemaGroup string
param captureAccountId string
@description('Whether events are encrypted with a key of the vault.')
param encrypt bool
param vaultName string
param serviceIdentityId string
param appPrincipalId string
param workspaceId string
param locks bool

var hasKafka = !empty(kafkaHubs)
var vaultUri = encrypt ? 'https://${vaultName}${environment().suffixes.keyvaultDns}/' : ''

module main 'hub.bicep' = {
  name: 'hub'
  params: {
    name: 'evhns-${stem}'
    location: location
    tags: tags
    tier: tier
    capacity: capacity
    maximumCapacity: maximumCapacity
    zoneRedundant: zoneRedundant
    secondaryLocation: secondaryLocation
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: restricted
    localAuth: false
    hubs: mainHubs
    schemaGroup: schemaGroup
    captureAccountId: captureAccountId
    vaultUri: vaultUri
    serviceIdentityId: serviceIdentityId
    workspaceId: workspaceId
    lock: locks
  }
}

// The Kafka trigger signs in with a connection string. Shared keys are a switch of the whole namespace, so its hubs
// live in a second one and the first never has them.
module kafka 'hub.bicep' = if (hasKafka) {
  name: 'kafka-hub'
  params: {
    name: 'evhns-${stem}-kafka'
    location: location
    tags: tags
    tier: tier
    capacity: capacity
    maximumCapacity: maximumCapacity
    zoneRedundant: zoneRedundant
    secondaryLocation: secondaryLocation
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: restricted
    localAuth: true
    hubs: kafkaHubs
    schemaGroup: ''
    captureAccountId: captureAccountId
    vaultUri: vaultUri
    serviceIdentityId: serviceIdentityId
    workspaceId: workspaceId
    lock: locks
  }
}

module kafkaSecrets 'kafka-secrets.bicep' = if (hasKafka) {
  name: 'kafka-secrets'
  params: {
    namespaceName: kafka!.outputs.name
    vaultName: vaultName
    hubNames: map(kafkaHubs, one => one.name)
    principalId: appPrincipalId
  }
}

output id string = main.outputs.id
output name string = main.outputs.name
output host string = main.outputs.host
output kafkaId string = hasKafka ? kafka!.outputs.id : ''
output kafkaBroker string = hasKafka ? '${kafka!.outputs.host}:9093' : ''
output kafkaVaultUris object = hasKafka ? kafkaSecrets!.outputs.vaultUris : {}
