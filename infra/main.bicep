// Everything one environment needs, in one resource group. What the pipelines need comes from manifest.json, which
// `npm run infra` writes; how large, how private and how redundant it is comes from the parameters.

@description('Starts the name of every resource.')
@minLength(3)
@maxLength(10)
param name string

@description('Tells one environment from another in names and tags.')
@minLength(2)
@maxLength(8)
param environmentName string

@description('Region of everything but replicas.')
param location string = resourceGroup().location

@description('Put on every resource, beside the two that are always there.')
param tags object = {}

// --- Network ---------------------------------------------------------------------------------------------------

@description('public: no VNet, Entra ID alone guards. restricted: VNet and private endpoints, and public endpoints for allowedIpRanges. private: no public endpoint answers.')
@allowed(['public', 'restricted', 'private'])
param networkAccess string = 'private'
@description('Public IPv4 ranges that may reach restricted endpoints, such as the laptops of the team.')
param allowedIpRanges string[] = []
@description('Address space of the VNet, at least a /25: two subnets of a /26.')
param vnetAddressPrefix string = '10.40.0.0/24'
@description('A subnet delegated to Microsoft.App/environments that exists already, to use instead of a new VNet.')
param existingAppSubnetId string = ''
@description('A subnet for private endpoints that exists already; goes with existingAppSubnetId.')
param existingEndpointSubnetId string = ''
@description('Private DNS zones that exist already: zone name to resource id. The others are created and linked.')
param existingDnsZoneIds object = {}
@description('Private ranges besides the app that may reach the private endpoints: runners, VPN, on-premises.')
param trustedAddressPrefixes string[] = []
@description('nat: the app may call the internet on port 443 through one address. none: it reaches private endpoints and nothing else.')
@allowed(['none', 'nat'])
param outbound string = 'none'

// --- Event Hubs ------------------------------------------------------------------------------------------------

@allowed(['Standard', 'Premium', 'Dedicated'])
param hubTier string = 'Standard'
@description('Throughput units (Standard), processing units (Premium) or capacity units (Dedicated).')
@minValue(1)
@maxValue(40)
param hubCapacity int = 1
@description('Throughput units that auto-inflate may reach on Standard; 0 turns it off.')
@minValue(0)
@maxValue(40)
param hubMaximumCapacity int = 0
@description('Region that Premium and Dedicated replicate events to; empty for none.')
param hubSecondaryLocation string = ''
@description('Hours that every hub keeps events; 0 for what the manifest says of each.')
@minValue(0)
@maxValue(2160)
param hubRetentionHours int = 0
@description('Hubs whose events Capture keeps as Avro files in a Data Lake account.')
param capturedHubs string[] = []
@description('Name of a schema registry group; empty for none.')
param schemaGroup string = ''
@description('Principals outside the app that publish to the hubs which no pipeline writes.')
param producerPrincipalIds string[] = []

// --- Function app ----------------------------------------------------------------------------------------------

@allowed(['22', '24'])
param nodeVersion string = '24'
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40
@description('Instances that each function that reads a hub keeps ready; with zone redundancy none or at least two.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0
@description('Functions that keep another number ready: { delays: 4 }.')
param alwaysReadyOverrides object = {}

// --- Data ------------------------------------------------------------------------------------------------------

@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageRedundancy string = 'Standard_ZRS'
@description('Days that dead letters and late events are kept.')
@minValue(1)
param deadLetterRetentionDays int = 90
@allowed(['serverless', 'autoscale'])
param cosmosMode string = 'autoscale'
@description('Request units per second that each container may scale to.')
@minValue(1000)
param cosmosMaximumThroughput int = 4000
@description('Regions that Cosmos DB replicates to, in the order of failover.')
param cosmosSecondaryLocations string[] = []
@description('Strong loses nothing when a region is lost, for the price of slower writes; it needs a second region to mean anything.')
@allowed(['Session', 'BoundedStaleness', 'Strong'])
param cosmosConsistency string = 'Session'

// --- Compliance and operation ----------------------------------------------------------------------------------

param zoneRedundant bool = true
@description('Encrypts hubs (Premium, Dedicated), storage and Cosmos DB with keys of your own.')
param customerManagedKeys bool = false
@description('Assigns the HITRUST, SOC 2 and PCI DSS initiatives to the resource group; they report and change nothing.')
param policyAssignments bool = false
@description('Refuses the deletion of whatever holds data.')
param locks bool = false
@description('Logs every read and write of data, not only changes of settings. Costs grow with the traffic.')
param dataPlaneLogs bool = false
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30
@description('Who hears of alerts; empty for nobody.')
param alertEmail string = ''
@description('Minutes that consumers, or event time, may lie behind before an alert is raised.')
@minValue(1)
param maximumLagMinutes int = 15
@description('Unread events in one partition before an alert is raised.')
@minValue(1)
param maximumLagEvents int = 100000

// ---------------------------------------------------------------------------------------------------------------

// any(): the shape changes with the pipelines, and an empty list has no type that the compiler could know.
var manifest = any(loadJsonContent('manifest.json'))
var suffix = take(uniqueString(subscription().id, resourceGroup().id, name, environmentName), 8)
var stem = '${name}-${environmentName}-${suffix}'
// Storage accounts and vaults: 24 characters, storage without hyphens.
var shortStem = '${take(name, 8)}${take(environmentName, 4)}${suffix}'
var allTags = union(tags, { environment: environmentName, workload: name })

var hasNetwork = networkAccess != 'public'
var createVnet = hasNetwork && empty(existingAppSubnetId)
// Cosmos DB takes an empty list of ranges for everybody, so restricted to nobody is private.
var publicAccess = networkAccess == 'private' || (networkAccess == 'restricted' && empty(allowedIpRanges)) ? 'Disabled' : 'Enabled'
// Only restricted endpoints have rules; on public ones an empty list would mean nobody.
var ipRanges = networkAccess == 'restricted' ? allowedIpRanges : []

var allHubs = map(manifest.hubs, hub => union(hub, {
  retentionHours: hubRetentionHours > 0 ? hubRetentionHours : hub.retentionHours
  capture: contains(capturedHubs, hub.name) ? { intervalSeconds: 300, sizeBytes: 314572800 } : hub.?capture
}))
var mainHubs = filter(allHubs, hub => !hub.kafka)
var kafkaHubs = filter(allHubs, hub => hub.kafka)
var hasKafka = !empty(kafkaHubs)
var hasCapture = !empty(filter(allHubs, hub => hub.?capture != null))
var hasVault = customerManagedKeys || hasKafka
var encryptHubs = customerManagedKeys && hubTier != 'Standard'
// Each function is a scale group of its own, since none answers HTTP. What wakes pipelines may start cold.
var groups = map(manifest.functions, one => {
  name: 'function:${one.name}'
  instanceCount: alwaysReadyOverrides[?one.name] ?? (contains(['eventHub', 'kafka'], one.trigger) ? alwaysReadyInstances : 0)
})
// Checkpoint logs are never deleted by age: the log of a quiet partition is old and alive.
var expiringFolders = flatten(map(manifest.blobContainers, one => map(one.expiringFolders, folder => '${one.name}/${folder}')))

module identity 'identity.bicep' = {
  name: 'identity'
  params: {
    stem: stem
    location: location
    tags: allTags
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  params: {
    stem: stem
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    publicAccess: publicAccess
    hasNetwork: hasNetwork
    alertEmail: alertEmail
  }
}

module network 'network.bicep' = if (createVnet) {
  name: 'network'
  params: {
    stem: stem
    location: location
    tags: allTags
    addressPrefix: vnetAddressPrefix
    trustedAddressPrefixes: trustedAddressPrefixes
    outbound: outbound
    zoneRedundant: zoneRedundant
  }
}

module vault 'vault.bicep' = if (hasVault) {
  name: 'vault'
  params: {
    name: 'kv-${shortStem}'
    location: location
    tags: allTags
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: hasNetwork
    keyNames: customerManagedKeys ? concat(['storage', 'cosmos'], encryptHubs ? ['hubs'] : []) : []
    servicePrincipalId: identity.outputs.servicePrincipalId
    workspaceId: monitoring.outputs.workspaceId
    lock: locks
  }
}

module stores 'stores.bicep' = {
  name: 'stores'
  params: {
    shortStem: shortStem
    location: location
    tags: allTags
    redundancy: storageRedundancy
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: hasNetwork
    containers: map(manifest.blobContainers, one => one.name)
    queues: map(manifest.queues, one => one.name)
    expiringFolders: expiringFolders
    deadLetterRetentionDays: deadLetterRetentionDays
    capture: hasCapture
    encryptionKeyUri: customerManagedKeys ? vault!.outputs.keyUris.storage : ''
    serviceIdentityId: identity.outputs.serviceIdentityId
    servicePrincipalId: identity.outputs.servicePrincipalId
    workspaceId: monitoring.outputs.workspaceId
    dataPlaneLogs: dataPlaneLogs
    locks: locks
  }
}

module hubs 'hubs.bicep' = {
  name: 'hubs'
  params: {
    stem: stem
    location: location
    tags: allTags
    tier: hubTier
    capacity: hubCapacity
    maximumCapacity: hubMaximumCapacity
    zoneRedundant: zoneRedundant
    secondaryLocation: hubSecondaryLocation
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: hasNetwork
    mainHubs: mainHubs
    kafkaHubs: kafkaHubs
    schemaGroup: schemaGroup
    captureAccountId: stores.outputs.captureId
    encrypt: encryptHubs
    vaultName: hasVault ? vault!.outputs.name : ''
    serviceIdentityId: identity.outputs.serviceIdentityId
    appPrincipalId: identity.outputs.appPrincipalId
    workspaceId: monitoring.outputs.workspaceId
    locks: locks
  }
}

module cosmos 'cosmos.bicep' = {
  name: 'cosmos'
  params: {
    name: 'cosmos-${stem}'
    location: location
    tags: allTags
    mode: cosmosMode
    maximumThroughput: cosmosMaximumThroughput
    secondaryLocations: cosmosSecondaryLocations
    consistency: cosmosConsistency
    zoneRedundant: zoneRedundant
    publicAccess: publicAccess
    ipRanges: ipRanges
    containers: manifest.containers
    encryptionKeyUri: customerManagedKeys ? vault!.outputs.keyUris.cosmos : ''
    serviceIdentityId: identity.outputs.serviceIdentityId
    workspaceId: monitoring.outputs.workspaceId
    dataPlaneLogs: dataPlaneLogs
    lock: locks
  }
}

module roles 'roles.bicep' = {
  name: 'roles'
  params: {
    principalId: identity.outputs.appPrincipalId
    producerPrincipalIds: producerPrincipalIds
    hostStorageName: stores.outputs.hostName
    dataStorageName: stores.outputs.dataName
    cosmosName: cosmos.outputs.name
    namespaceName: hubs.outputs.name
    insightsName: monitoring.outputs.insightsName
    hubs: mainHubs
    roles: manifest.roles
  }
}

module app 'app.bicep' = {
  name: 'app'
  params: {
    stem: stem
    location: location
    tags: allTags
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReady: filter(groups, one => one.instanceCount > 0)
    zoneRedundant: zoneRedundant
    publicAccess: publicAccess
    ipRanges: ipRanges
    subnetId: createVnet ? network!.outputs.appSubnetId : existingAppSubnetId
    identityId: identity.outputs.appIdentityId
    clientId: identity.outputs.appClientId
    packageContainerUri: '${stores.outputs.hostBlobEndpoint}deployment'
    settings: manifest.settings
    sources: {
      cosmosEndpoint: cosmos.outputs.endpoint
      dataBlobEndpoint: stores.outputs.dataBlobEndpoint
      dataQueueEndpoint: stores.outputs.dataQueueEndpoint
      hostAccountName: stores.outputs.hostName
      hubHost: hubs.outputs.host
      insightsConnection: monitoring.outputs.insightsConnection
      kafkaBroker: hubs.outputs.kafkaBroker
    }
    kafkaVaultUris: hubs.outputs.kafkaVaultUris
    workspaceId: monitoring.outputs.workspaceId
  }
  // The host reads its storage as soon as it starts, and by then must find a way there.
  dependsOn: [roles, endpoints]
}

module appEndpoint 'endpoints.bicep' = if (hasNetwork) {
  name: 'app-endpoint'
  params: {
    stem: stem
    location: location
    tags: allTags
    subnetId: createVnet ? network!.outputs.endpointSubnetId : existingEndpointSubnetId
    existingDnsZoneIds: existingDnsZoneIds
    targets: [{ name: 'app', id: app.outputs.id, group: 'sites' }]
  }
}

module endpoints 'endpoints.bicep' = if (hasNetwork) {
  name: 'endpoints'
  params: {
    stem: stem
    location: location
    tags: allTags
    subnetId: createVnet ? network!.outputs.endpointSubnetId : existingEndpointSubnetId
    existingDnsZoneIds: existingDnsZoneIds
    targets: concat(
      [
        { name: 'hub', id: hubs.outputs.id, group: 'namespace' }
        { name: 'host-blob', id: stores.outputs.hostId, group: 'blob' }
        { name: 'host-queue', id: stores.outputs.hostId, group: 'queue' }
        { name: 'data-blob', id: stores.outputs.dataId, group: 'blob' }
        { name: 'cosmos', id: cosmos.outputs.id, group: 'Sql' }
        { name: 'monitor', id: monitoring.outputs.privateLinkScopeId, group: 'azuremonitor' }
      ],
      empty(manifest.queues) ? [] : [{ name: 'data-queue', id: stores.outputs.dataId, group: 'queue' }],
      hasCapture ? [{ name: 'capture-dfs', id: stores.outputs.captureId, group: 'dfs' }, { name: 'capture-blob', id: stores.outputs.captureId, group: 'blob' }] : [],
      hasKafka ? [{ name: 'kafka', id: hubs.outputs.kafkaId, group: 'namespace' }] : [],
      hasVault ? [{ name: 'vault', id: vault!.outputs.id, group: 'vault' }] : []
    )
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  params: {
    stem: stem
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    actionGroupId: monitoring.outputs.actionGroupId
    namespaceId: hubs.outputs.id
    cosmosId: cosmos.outputs.id
    maximumLagMinutes: maximumLagMinutes
    maximumLagEvents: maximumLagEvents
  }
}

module policy 'policy.bicep' = if (policyAssignments) {
  name: 'policy'
  params: {
    location: location
  }
}

output AZURE_FUNCTION_APP_NAME string = app.outputs.name
output TIDEMARK_HUB_HOST string = hubs.outputs.host
output TIDEMARK_COSMOS_ENDPOINT string = cosmos.outputs.endpoint
output TIDEMARK_BLOB_ENDPOINT string = stores.outputs.dataBlobEndpoint
output TIDEMARK_WARNINGS array = concat(
  hubTier == 'Standard' ? ['Event Hubs Standard writes no runtime audit logs: choose Premium where an auditor asks who read which hub.'] : [],
  customerManagedKeys && hubTier == 'Standard' ? ['Event Hubs Standard takes no customer-managed key: hubs stay under a key of the service.'] : [],
  customerManagedKeys ? ['Log Analytics stays under a key of the service: your own needs a dedicated cluster.'] : []
)
