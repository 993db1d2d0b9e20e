// Where telemetry goes, and who hears of alerts.

param stem string
param location string
param tags object
param retentionDays int
param publicAccess string
@description('Whether telemetry can reach the workspace through a private endpoint.')
param hasNetwork bool
param alertEmail string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = {
  name: 'log-${stem}'
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
      // Reading a resource's logs takes a right on that resource, not on the whole workspace.
      enableLogAccessUsingOnlyResourcePermissions: true
    }
    publicNetworkAccessForIngestion: publicAccess
    // People query from the portal with their own rights; alerts query from inside Azure Monitor.
    publicNetworkAccessForQuery: publicAccess
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-${stem}'
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    // The instrumentation key alone lets nobody write.
    DisableLocalAuth: true
    publicNetworkAccessForIngestion: publicAccess
    publicNetworkAccessForQuery: publicAccess
  }
}

resource linkScope 'Microsoft.Insights/privateLinkScopes@2021-09-01' = if (hasNetwork) {
  name: 'ampls-${stem}'
  location: 'global'
  tags: tags
  properties: {
    accessModeSettings: {
      // PrivateOnly would cut every client in the VNet off from workspaces outside this scope.
      ingestionAccessMode: 'Open'
      queryAccessMode: 'Open'
    }
  }
}

resource scopedWorkspace 'Microsoft.Insights/privateLinkScopes/scopedResources@2021-09-01' = if (hasNetwork) {
  parent: linkScope
  name: 'workspace'
  properties: {
    linkedResourceId: workspace.id
  }
}

resource scopedInsights 'Microsoft.Insights/privateLinkScopes/scopedResources@2021-09-01' = if (hasNetwork) {
  parent: linkScope
  name: 'insights'
  properties: {
    linkedResourceId: insights.id
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${stem}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'tidemark'
    enabled: true
    emailReceivers: empty(alertEmail) ? [] : [{ name: 'operators', emailAddress: alertEmail, useCommonAlertSchema: true }]
  }
}

output workspaceId string = workspace.id
output insightsName string = insights.name
output insightsConnection string = insights.properties.ConnectionString
output privateLinkScopeId string = hasNetwork ? linkScope!.id : ''
output actionGroupId string = actionGroup.id
