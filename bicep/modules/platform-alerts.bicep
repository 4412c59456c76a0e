metadata description = 'Alerts on what Azure itself measures, where our own metrics say nothing.'

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the action group.')
param actionGroupId string

@description('Required. Resource id of the namespace of usage events.')
param usageNamespaceId string

// A row for each alert; docs/operations.md says what to do.
var rules = [
  { name: 'capture-backlog', scope: usageNamespaceId, namespace: 'Microsoft.EventHub/namespaces', metric: 'CaptureBacklog', aggregation: 'Average', threshold: 100000, severity: 2, dimensions: [], text: 'Capture is behind: look at the role of its identity on the storage account.' }
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
