// Alerts that mean that somebody must act, and a workbook with the same numbers as charts.

param stem string
param location string
param tags object
param workspaceId string
param actionGroupId string
param namespaceId string
param cosmosId string
param maximumLagMinutes int
param maximumLagEvents int

// Each query answers rows with a number called "value"; the alert is raised when one is above the threshold.
var rules = [
  {
    name: 'lag-events'
    title: 'Consumers are behind, in events'
    query: loadTextContent('queries/lag-events.kql')
    dimensions: ['pipeline', 'partition']
    threshold: maximumLagEvents
    severity: 2
    window: 'PT15M'
  }
  {
    name: 'lag-minutes'
    title: 'Consumers are behind, in minutes'
    query: loadTextContent('queries/lag-minutes.kql')
    dimensions: ['pipeline', 'partition']
    threshold: maximumLagMinutes
    severity: 2
    window: 'PT15M'
  }
  {
    name: 'watermark-delay'
    title: 'Event time stands still, so windows stay open'
    query: loadTextContent('queries/watermark-delay.kql')
    dimensions: ['pipeline', 'partition']
    threshold: maximumLagMinutes
    severity: 3
    window: 'PT1H'
  }
  {
    name: 'dead-letters'
    title: 'Events were dead-lettered'
    query: loadTextContent('queries/dead-letters.kql')
    dimensions: ['pipeline']
    threshold: 0
    severity: 3
    window: 'PT15M'
  }
  {
    name: 'no-commits'
    title: 'Events arrive and nothing is committed'
    query: loadTextContent('queries/no-commits.kql')
    dimensions: []
    threshold: 0
    severity: 1
    window: 'PT15M'
  }
  {
    name: 'failing-batches'
    title: 'Batches fail again and again'
    query: loadTextContent('queries/failing-batches.kql')
    dimensions: ['function']
    threshold: 10
    severity: 1
    window: 'PT15M'
  }
  {
    name: 'missing-messages'
    title: 'Messages between hubs never came'
    query: loadTextContent('queries/missing-messages.kql')
    dimensions: ['pipeline', 'partition']
    threshold: 0
    severity: 0
    window: 'PT15M'
  }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: 'alert-${rule.name}-${stem}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.title
    severity: rule.severity
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: rule.window
    // The tables exist only after the first telemetry came in.
    skipQueryValidation: true
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Maximum'
          metricMeasureColumn: 'value'
          dimensions: map(rule.dimensions, one => { name: one, operator: 'Include', values: ['*'] })
          operator: 'GreaterThan'
          threshold: rule.threshold
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: {
      actionGroups: [actionGroupId]
    }
  }
}]

resource hubThrottling 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-hub-throttling-${stem}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Event Hubs refuses requests: the namespace needs more capacity.'
    severity: 2
    enabled: true
    scopes: [namespaceId]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricName: 'ThrottledRequests'
          metricNamespace: 'Microsoft.EventHub/namespaces'
          timeAggregation: 'Total'
          operator: 'GreaterThan'
          threshold: 10
        }
      ]
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

resource cosmosThrottling 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-cosmos-throttling-${stem}'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB answers 429: the containers need more request units, or a partition key is hot.'
    severity: 2
    enabled: true
    scopes: [cosmosId]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled'
          metricName: 'TotalRequests'
          metricNamespace: 'Microsoft.DocumentDB/databaseAccounts'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 100
        }
      ]
    }
    actions: [{ actionGroupId: actionGroupId }]
  }
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Tidemark ${stem}'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: map(rules, rule => {
        type: 3
        name: rule.name
        content: {
          version: 'KqlItem/1.0'
          title: rule.title
          query: rule.query
          size: 1
          queryType: 0
          resourceType: 'microsoft.operationalinsights/workspaces'
          visualization: contains(rule.dimensions, 'partition') ? 'timechart' : 'table'
          timeContext: { durationMs: 86400000 }
        }
      })
      fallbackResourceIds: [workspaceId]
    })
  }
}
