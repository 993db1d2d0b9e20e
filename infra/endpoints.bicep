// Private endpoints and the DNS zones that make the services' public names lead to them.

param stem string
param location string
param tags object
param subnetId string
param existingDnsZoneIds object
@description('[{ name, id, group }]: what gets an endpoint, and which of its sub-resources.')
param targets array

var storageSuffix = environment().suffixes.storage

// The zones of each sub-resource, as Azure's documentation lists them.
var zonesOfGroup = {
  namespace: ['privatelink.servicebus.windows.net']
  blob: ['privatelink.blob.${storageSuffix}']
  queue: ['privatelink.queue.${storageSuffix}']
  dfs: ['privatelink.dfs.${storageSuffix}']
  Sql: ['privatelink.documents.azure.com']
  vault: ['privatelink.vaultcore.azure.net']
  sites: ['privatelink.azurewebsites.net']
  azuremonitor: [
    'privatelink.monitor.azure.com'
    'privatelink.oms.opinsights.azure.com'
    'privatelink.ods.opinsights.azure.com'
    'privatelink.agentsvc.azure-automation.net'
    'privatelink.blob.${storageSuffix}'
  ]
}

var needed = union(flatten(map(targets, target => zonesOfGroup[target.group])), [])
var missing = filter(needed, zone => !contains(existingDnsZoneIds, zone))
var zoneIds = union(
  existingDnsZoneIds,
  toObject(missing, zone => zone, zone => resourceId('Microsoft.Network/privateDnsZones', zone))
)
var vnetId = split(subnetId, '/subnets/')[0]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in missing: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, at) in missing: {
  parent: zones[at]
  name: 'link-${stem}'
  location: 'global'
  tags: tags
  properties: {
    virtualNetwork: { id: vnetId }
    registrationEnabled: false
  }
}]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-07-01' = [for target in targets: {
  name: 'pe-${target.name}-${stem}'
  location: location
  tags: tags
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      {
        name: target.name
        properties: {
          privateLinkServiceId: target.id
          groupIds: [target.group]
        }
      }
    ]
  }
}]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-07-01' = [for (target, at) in targets: {
  parent: endpoints[at]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: map(zonesOfGroup[target.group], zone => {
      name: replace(zone, '.', '-')
      properties: { privateDnsZoneId: zoneIds[zone] }
    })
  }
  dependsOn: [zones]
}]
