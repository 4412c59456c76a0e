metadata description = 'Alerts on what Azure itself measures, by the rows of metric-alerts.json.'

import { tagSet } from 'types.bicep'

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource ids of the action groups that get mail; empty: the alerts are only shown.')
param actionGroupIds string[]

@description('Required. The hub of usage events.')
param usageHub string

@description('Required. Resource id of the namespace of usage events.')
param usageNamespaceId string

@description('Required. Resource id of the namespace of logs; empty: none.')
param logsNamespaceId string

@description('Optional. Whether the rules are in force; off while a first deployment settles.')
param enabled bool = true

@description('A metric and the value that it is compared with. All of a rule must hold for it to fire.')
type criterion = {
  metric: string
  aggregation: 'Average' | 'Count' | 'Maximum' | 'Minimum' | 'Total'
  operator: 'GreaterThan' | 'LessThanOrEqual'
  threshold: int
}

@description('A rule of metric-alerts.json; docs/observability.md has the remedy of each.')
type rule = {
  name: string
  title: string
  severity: int
  scope: 'usage' | 'logs'
  ofHub: bool
  window: string
  every: string
  criteria: criterion[]
}

var rules rule[] = loadJsonContent('../metric-alerts.json')
var scopes = { usage: usageNamespaceId, logs: logsNamespaceId }

resource alerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [for rule in filter(rules, one => !empty(scopes[one.scope])): {
  name: 'metering-${rule.name}-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    description: '${rule.title}. What to do: docs/observability.md, alert ${rule.name}.'
    severity: rule.severity
    enabled: enabled
    autoMitigate: true
    scopes: [
      scopes[rule.scope]
    ]
    evaluationFrequency: rule.every
    windowSize: rule.window
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [for (one, i) in rule.criteria: {
        criterionType: 'StaticThresholdCriterion'
        name: '${rule.name}-${i}'
        metricNamespace: 'Microsoft.EventHub/namespaces'
        metricName: one.metric
        timeAggregation: one.aggregation
        operator: one.operator
        threshold: one.threshold
        dimensions: rule.ofHub ? [{ name: 'EntityName', operator: 'Include', values: [usageHub] }] : []
      }]
    }
    actions: map(actionGroupIds, id => { actionGroupId: id })
  }
}]
