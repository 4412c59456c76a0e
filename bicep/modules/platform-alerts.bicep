metadata description = 'Alerts on what Azure itself measures: the hubs and the store. Those on our own metrics are in alerts.bicep.'

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the action group.')
param actionGroupId string

@description('Required. Resource id of the namespace of usage events.')
param usageNamespaceId string

@description('Required. Resource id of the namespace of logs.')
param logsNamespaceId string

@description('Required. Resource id of the Cosmos DB account.')
param cosmosId string

// A row for each alert; docs/operations.md says what to do.
var rules = [
  { name: 'usage-throttled', scope: usageNamespaceId, namespace: 'Microsoft.EventHub/namespaces', metric: 'ThrottledRequests', aggregation: 'Total', threshold: 0, severity: 1, dimensions: [], text: 'The hub of usage events refuses some: what the gateway sends is lost. Raise the throughput units.' }
  { name: 'logs-throttled', scope: logsNamespaceId, namespace: 'Microsoft.EventHub/namespaces', metric: 'ThrottledRequests', aggregation: 'Total', threshold: 0, severity: 1, dimensions: [], text: 'The hub of gateway logs refuses some: streams end without counts. Raise the throughput units.' }
  { name: 'capture-backlog', scope: usageNamespaceId, namespace: 'Microsoft.EventHub/namespaces', metric: 'CaptureBacklog', aggregation: 'Average', threshold: 100000, severity: 2, dimensions: [], text: 'Capture is behind: look at the role of its identity on the storage account.' }
  { name: 'store-throttled', scope: cosmosId, namespace: 'Microsoft.DocumentDB/databaseAccounts', metric: 'TotalRequests', aggregation: 'Count', threshold: 100, severity: 2, dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }], text: 'Cosmos DB refuses requests: usage is late, none is lost. Raise the maximum throughput.' }
]

resource alerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in rules: {
  name: 'metering-${rule.name}-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: rule.text
    severity: rule.severity
    enabled: true
    autoMitigate: true
    scopes: [
      rule.scope
    ]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: rule.name
          metricNamespace: rule.namespace
          metricName: rule.metric
          timeAggregation: rule.aggregation
          operator: 'GreaterThan'
          threshold: rule.threshold
          dimensions: rule.dimensions
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroupId
      }
    ]
  }
}]
