metadata description = 'The alert rules of alerts.json, over the metrics that the code emits.'

import { tagSet } from 'types.bicep'

@description('Required. Where the rules are; that of Application Insights.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource id of Application Insights, which the functions send their metrics to.')
param applicationInsightsId string

@description('Required. Resource ids of the action groups that get mail; empty: the alerts are only shown.')
param actionGroupIds string[]

@description('Optional. Whether the gateway asks for admission; without it no rule expects verdicts.')
param withAdmission bool = true

@description('Optional. Whether the rules are in force; off while a first deployment settles.')
param enabled bool = true

@description('A rule of alerts.json; docs/observability.md has the remedy of each.')
type rule = {
  @description('Last part of its name.')
  name: string

  @description('The finding in words.')
  title: string

  @description('Whether it makes sense with admission only.')
  ofAdmission: bool?

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
  for one in filter(rules, one => withAdmission || !(one.?ofAdmission ?? false)): {
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
