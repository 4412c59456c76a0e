metadata description = 'The alert rules of alerts.json, over the metrics that the code emits, and those over the hubs.'

@description('Required. Where the rules are; that of Application Insights.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of Application Insights, which the functions send their metrics to.')
param applicationInsightsId string

@description('Required. Resource ids of the action groups that are told; empty: the alerts are only shown.')
param actionGroupIds string[]

@description('Optional. Resource ids of the Event Hubs namespaces: what a hub throttles, the gateway loses.')
param eventHubNamespaceIds string[] = []

@description('Optional. Whether the rules are in force; off while a first deployment settles.')
param enabled bool = true

@description('A rule of alerts.json; docs/observability.md says what to do about each.')
type rule = {
  @description('Last part of its name.')
  name: string

  @description('What has happened.')
  title: string

  @description('0 (critical) to 4 (verbose).')
  severity: int

  @description('Span that it looks at, as ISO 8601 writes it.')
  window: string

  @description('How often it looks.')
  every: string

  @description('How `figure` is compared with the threshold.')
  operator: string

  @description('The threshold.')
  threshold: int

  @description('Columns whose values are alerts of their own.')
  split: string[]

  @description('Lines of the query; its column `figure` is compared.')
  query: string[]
}

var rules rule[] = loadJsonContent('../alerts.json')

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for one in rules: {
    name: 'metering-${one.name}-${suffix}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Metering: ${one.title}'
      description: '${one.title}. What to do: docs/observability.md, alert ${one.name}.'
      enabled: enabled
      severity: one.severity
      scopes: [applicationInsightsId]
      evaluationFrequency: one.every
      windowSize: one.window
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: join(one.query, '\n')
            timeAggregation: 'Maximum'
            metricMeasureColumn: 'figure'
            operator: one.operator
            threshold: one.threshold
            dimensions: map(one.split, column => {
              name: column
              operator: 'Include'
              values: ['*']
            })
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: actionGroupIds
      }
    }
  }
]

resource throttledHubs 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for (namespaceId, index) in eventHubNamespaceIds: {
    name: 'metering-hub-throttled-${index}-${suffix}'
    location: 'global'
    tags: tags
    properties: {
      description: 'A hub throttles, and events or logs may be lost. What to do: docs/observability.md, alert hub-throttled.'
      enabled: enabled
      severity: 1
      scopes: [namespaceId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: 'throttled'
            metricNamespace: 'Microsoft.EventHub/namespaces'
            metricName: 'ThrottledRequests'
            timeAggregation: 'Total'
            operator: 'GreaterThan'
            threshold: 0
          }
        ]
      }
      actions: [
        for actionGroupId in actionGroupIds: {
          actionGroupId: actionGroupId
        }
      ]
    }
  }
]
