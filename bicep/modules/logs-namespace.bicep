metadata description = 'The namespace of gateway logs, its hub, and the rule that Azure Monitor sends with.'

import { tagSet } from 'types.bicep'

@description('Required. Name of the namespace.')
param name string

@description('Required. Region of API Management: Azure Monitor sends logs to hubs of that region only.')
param location string

@description('Required. Tags.')
param tags tagSet

@description('Required. The hub of gateway logs.')
param logsHub string

@description('Required. The consumer group that the function app reads it with.')
param consumerGroup string

@description('Optional. Partitions. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 8

@description('Optional. Days that the hub keeps logs; Standard keeps 7 at most.')
@minValue(1)
@maxValue(7)
param retentionDays int = 7

@description('Optional. Throughput units to begin with.')
@minValue(1)
@maxValue(40)
param throughputUnits int = 1

@description('Optional. Throughput units at most.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int = 10

@description('Optional. Rights of the rule of the diagnostic setting. Microsoft documents Manage with Send and Listen; Send alone was seen to suffice.')
param logsRights ('Send' | 'Listen' | 'Manage')[] = ['Send']

@description('Optional. Whether it is reached from outside the network.')
param publicAccess bool = true

// Azure Monitor signs in with a key and no other way, so this namespace keeps keys and holds nothing
// but logs: a leaked key cannot write usage.
resource logsNamespace 'Microsoft.EventHub/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: throughputUnits
  }
  properties: {
    disableLocalAuth: false
    minimumTlsVersion: '1.2'
    isAutoInflateEnabled: true
    maximumThroughputUnits: maximumThroughputUnits
    zoneRedundant: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
  }
}

resource logsRules 'Microsoft.EventHub/namespaces/networkRuleSets@2026-01-01' = if (!publicAccess) {
  parent: logsNamespace
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    // Azure Monitor is a trusted service.
    trustedServiceAccessEnabled: true
  }
}

resource logsRule 'Microsoft.EventHub/namespaces/authorizationRules@2026-01-01' = {
  parent: logsNamespace
  name: 'diagnostic-settings'
  properties: {
    rights: logsRights
  }
}

resource logs 'Microsoft.EventHub/namespaces/eventhubs@2026-01-01' = {
  parent: logsNamespace
  name: logsHub
  properties: {
    partitionCount: partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: retentionDays * 24
    }
  }
}

resource logsReader 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2026-01-01' = {
  parent: logs
  name: consumerGroup
}

@description('Host of the namespace.')
output host string = replace(replace(logsNamespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')
