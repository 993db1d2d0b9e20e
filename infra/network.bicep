// A VNet with two subnets: one that the function app sends from, one that private endpoints listen in. Both refuse
// whatever no rule allows, in both directions.

param stem string
param location string
param tags object
param addressPrefix string
param trustedAddressPrefixes string[]
param outbound string
param zoneRedundant bool

// A /26 each: Flex Consumption takes one address per instance or so, and an endpoint takes one.
var appPrefix = cidrSubnet(addressPrefix, 26, 0)
var endpointPrefix = cidrSubnet(addressPrefix, 26, 1)
var hasNat = outbound == 'nat'
// HTTPS for storage, Cosmos DB, vault and monitoring; AMQP over TLS and Kafka for Event Hubs.
var servicePorts = ['443', '5671', '9093']

var denyInbound = {
  name: 'deny-inbound'
  properties: {
    description: 'Nothing comes in that no rule above names.'
    priority: 4096
    direction: 'Inbound'
    access: 'Deny'
    protocol: '*'
    sourceAddressPrefix: '*'
    sourcePortRange: '*'
    destinationAddressPrefix: '*'
    destinationPortRange: '*'
  }
}

var denyOutbound = {
  name: 'deny-outbound'
  properties: {
    description: 'Nothing goes out that no rule above names.'
    priority: 4096
    direction: 'Outbound'
    access: 'Deny'
    protocol: '*'
    sourceAddressPrefix: '*'
    sourcePortRange: '*'
    destinationAddressPrefix: '*'
    destinationPortRange: '*'
  }
}

var appToEndpoints = {
  name: 'app-to-endpoints'
  properties: {
    description: 'The app reads hubs and storage, writes Cosmos DB and sends telemetry through private endpoints.'
    priority: 100
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: appPrefix
    sourcePortRange: '*'
    destinationAddressPrefix: endpointPrefix
    destinationPortRanges: servicePorts
  }
}

var appToInternet = {
  name: 'app-to-internet'
  properties: {
    description: 'Pipelines may call public services: the parameter outbound is nat.'
    priority: 110
    direction: 'Outbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: appPrefix
    sourcePortRange: '*'
    destinationAddressPrefix: 'Internet'
    destinationPortRange: '443'
  }
}

var endpointsFromApp = {
  name: 'endpoints-from-app'
  properties: {
    description: 'The function app is the client of every private endpoint.'
    priority: 100
    direction: 'Inbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefix: appPrefix
    sourcePortRange: '*'
    destinationAddressPrefix: endpointPrefix
    destinationPortRanges: servicePorts
  }
}

var endpointsFromTrusted = {
  name: 'endpoints-from-trusted'
  properties: {
    description: 'Runners that deploy, operators and on-premises producers: the parameter trustedAddressPrefixes.'
    priority: 110
    direction: 'Inbound'
    access: 'Allow'
    protocol: 'Tcp'
    sourceAddressPrefixes: trustedAddressPrefixes
    sourcePortRange: '*'
    destinationAddressPrefix: endpointPrefix
    destinationPortRanges: servicePorts
  }
}

resource appRules 'Microsoft.Network/networkSecurityGroups@2025-07-01' = {
  name: 'nsg-app-${stem}'
  location: location
  tags: tags
  properties: {
    securityRules: concat([appToEndpoints], hasNat ? [appToInternet] : [], [denyOutbound, denyInbound])
  }
}

resource endpointRules 'Microsoft.Network/networkSecurityGroups@2025-07-01' = {
  name: 'nsg-endpoints-${stem}'
  location: location
  tags: tags
  properties: {
    securityRules: concat(
      [endpointsFromApp],
      empty(trustedAddressPrefixes) ? [] : [endpointsFromTrusted],
      [denyOutbound, denyInbound]
    )
  }
}

resource natAddress 'Microsoft.Network/publicIPAddresses@2025-07-01' = if (hasNat) {
  name: 'pip-nat-${stem}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  // The gateway stands in one zone that Azure chooses; its address is in all of them.
  zones: zoneRedundant ? ['1', '2', '3'] : []
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource nat 'Microsoft.Network/natGateways@2025-07-01' = if (hasNat) {
  name: 'ng-${stem}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [{ id: natAddress!.id }]
  }
}

resource vnet 'Microsoft.Network/virtualNetworks@2025-07-01' = {
  name: 'vnet-${stem}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        // Flex Consumption refuses a subnet with an underscore in its name.
        name: 'app'
        properties: {
          addressPrefix: appPrefix
          defaultOutboundAccess: false
          networkSecurityGroup: { id: appRules.id }
          natGateway: hasNat ? { id: nat!.id } : null
          delegations: [{ name: 'flex', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: endpointPrefix
          defaultOutboundAccess: false
          networkSecurityGroup: { id: endpointRules.id }
          // Without this, rules do not apply to private endpoints.
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

output appSubnetId string = '${vnet.id}/subnets/app'
output endpointSubnetId string = '${vnet.id}/subnets/endpoints'
