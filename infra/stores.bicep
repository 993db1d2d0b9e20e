// The storage accounts: the host's with the package, the pipelines' with checkpoints, dead letters and tables, and, when
// a hub is captured, one with folders for what Capture writes.

param shortStem string
param location string
param tags object
param redundancy string
param publicAccess string
param ipRanges string[]
param restricted bool
param containers string[]
param queues string[]
@description('CONTAINER/FOLDER/ of dead letters and late events.')
param expiringFolders string[]
param deadLetterRetentionDays int
param capture bool
param encryptionKeyUri string
param serviceIdentityId string
param servicePrincipalId string
param workspaceId string
param dataPlaneLogs bool
param locks bool

module host 'storage.bicep' = {
  name: 'host-storage'
  params: {
    name: 'sth${shortStem}'
    location: location
    tags: tags
    redundancy: redundancy
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: restricted
    containers: ['deployment']
    queues: []
    // The host's own invocation logs. Leases and trigger checkpoints beside them are left alone.
    expiring: [{ prefix: 'azure-webjobs-hosts/output-logs', days: 30 }]
    hierarchical: false
    trustServices: false
    encryptionKeyUri: encryptionKeyUri
    serviceIdentityId: serviceIdentityId
    workspaceId: workspaceId
    dataPlaneLogs: dataPlaneLogs
    lock: false
  }
}

module data 'storage.bicep' = {
  name: 'data-storage'
  params: {
    name: 'std${shortStem}'
    location: location
    tags: tags
    redundancy: redundancy
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: restricted
    containers: containers
    queues: queues
    expiring: map(expiringFolders, one => { prefix: one, days: deadLetterRetentionDays })
    hierarchical: false
    trustServices: false
    encryptionKeyUri: encryptionKeyUri
    serviceIdentityId: serviceIdentityId
    workspaceId: workspaceId
    dataPlaneLogs: dataPlaneLogs
    lock: locks
  }
}

module captured 'storage.bicep' = if (capture) {
  name: 'capture-storage'
  params: {
    name: 'stc${shortStem}'
    location: location
    tags: tags
    redundancy: redundancy
    publicAccess: publicAccess
    ipRanges: ipRanges
    restricted: restricted
    containers: ['capture']
    queues: []
    expiring: []
    hierarchical: true
    // Event Hubs writes from outside the network, as a trusted service with its own identity.
    trustServices: true
    encryptionKeyUri: encryptionKeyUri
    serviceIdentityId: serviceIdentityId
    workspaceId: workspaceId
    dataPlaneLogs: dataPlaneLogs
    lock: locks
  }
}

module captureRole 'capture-role.bicep' = if (capture) {
  name: 'capture-role'
  params: {
    storageAccountName: captured!.outputs.name
    principalId: servicePrincipalId
  }
}

output hostId string = host.outputs.id
output hostName string = host.outputs.name
output hostBlobEndpoint string = host.outputs.blobEndpoint
output dataId string = data.outputs.id
output dataName string = data.outputs.name
output dataBlobEndpoint string = data.outputs.blobEndpoint
output dataQueueEndpoint string = data.outputs.queueEndpoint
// By way of the role, so that no hub is told to capture before it may write.
output captureId string = capture ? captureRole!.outputs.storageAccountId : ''
