metadata description = 'Where logs, traces and metrics of the function app go.'

import { tagSet } from 'types.bicep'

@description('Required. Where they are.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Optional. Resource id of a Log Analytics workspace to use; empty: one is made.')
param workspaceId string = ''

@description('Optional. Days that logs are kept in a new workspace.')
@minValue(30)
@maxValue(730)
param retentionDays int = 90

@description('Optional. Gigabytes a day after which a new workspace takes no more logs; -1: no bound.')
param dailyQuotaGb int = -1

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (empty(workspaceId)) {
  name: 'log-metering-${suffix}'
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    workspaceCapping: {
      dailyQuotaGb: dailyQuotaGb
    }
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: 'appi-metering-${suffix}'
  location: location
  kind: 'web'
  tags: tags
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: empty(workspaceId) ? workspace.id : workspaceId
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
  }
}

@description('Address of Application Insights. No secret: keys are refused, an identity must sign in.')
output connectionString string = insights.properties.ConnectionString
