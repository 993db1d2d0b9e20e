// The function app on Flex Consumption. Nothing here is a secret: settings hold names and addresses, or point to the vault.

param stem string
param location string
param tags object
param nodeVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReady array
param zoneRedundant bool
param publicAccess string
param ipRanges string[]
@description('Delegated subnet that the app sends from; empty for no network.')
param subnetId string
param identityId string
param clientId string
param packageContainerUri string
@description('Settings as the manifest has them: name, source and hub.')
param settings array
@description('The value of each source that is an address or a name.')
param sources object
@description('Hub to address of its secret in the vault.')
param kafkaVaultUris object
param workspaceId string

var values = union(sources, {
  clientId: clientId
  debug: 'Debug'
  insightsAuthentication: 'ClientId=${clientId};Authorization=AAD'
  managedIdentity: 'managedidentity'
})
var inNetwork = !empty(subnetId)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${stem}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    // Linux
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: 'func-${stem}'
  location: location
  // azd finds the app that belongs to the service of azure.yaml by this tag.
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: publicAccess
    virtualNetworkSubnetId: inNetwork ? subnetId : null
    // Also what the platform itself fetches, such as the package, goes through the VNet.
    outboundVnetRouting: inNetwork ? { allTraffic: true } : null
    // Key Vault references are resolved as the app, since there is no system identity.
    keyVaultReferenceIdentity: identityId
    functionAppConfig: {
      runtime: { name: 'node', version: nodeVersion }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUri
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      // Flex scales every function by itself; the maximum holds for each of them, the readiness for one by name.
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReady
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      remoteDebuggingEnabled: false
      ipSecurityRestrictionsDefaultAction: empty(ipRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: map(ipRanges, (range, at) => {
        name: 'range-${at}'
        priority: 100 + at
        action: 'Allow'
        ipAddress: contains(range, '/') ? range : '${range}/32'
      })
      // Publishing goes to the same ranges as calls.
      scmIpSecurityRestrictionsUseMain: true
      appSettings: map(settings, setting => {
        name: setting.name
        value: setting.source == 'kafkaSecret' ? '@Microsoft.KeyVault(SecretUri=${kafkaVaultUris[setting.hub]})' : values[setting.source]
      })
    }
  }
}

// Publishing with a user name and password, over FTP or to the SCM site.
resource noPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = [for way in ['ftp', 'scm']: {
  parent: site
  name: way
  properties: {
    allow: false
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: site
  name: 'logs-${site.name}'
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output id string = site.id
output name string = site.name
