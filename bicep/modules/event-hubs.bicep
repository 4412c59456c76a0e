metadata description = 'The two namespaces: usage events, and gateway logs. The hubs in them are in hubs.bicep.'

@description('Required. Where usage events are.')
param location string

@description('Required. Region of API Management: Azure Monitor sends logs to a hub in no other region.')
param logsLocation string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the identity that writes Capture files.')
param captureIdentityId string

@description('Optional. Throughput units to begin with; each takes 1,000 events or 1 MB a second.')
@minValue(1)
@maxValue(40)
param throughputUnits int = 1

@description('Optional. Throughput units at most; a hub that throttles loses what the gateway sends.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int = 10

@description('Optional. What the diagnostic setting may do. Microsoft documents Manage with Send and Listen; Send alone was seen to do.')
param logsRights ('Send' | 'Listen' | 'Manage')[] = ['Send']

@description('Optional. Whether they are reached from outside the network.')
param publicAccess bool = true

resource usage 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: 'evhns-usage-${suffix}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
    capacity: throughputUnits
  }
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${captureIdentityId}': {}
    }
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    isAutoInflateEnabled: true
    maximumThroughputUnits: maximumThroughputUnits
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
  }
}

// Azure Monitor signs in with a key and no other way, so this namespace keeps keys, and has nothing
// in it but logs: a leaked key cannot write usage.
resource logs 'Microsoft.EventHub/namespaces@2024-01-01' = {
  name: 'evhns-logs-${suffix}'
  location: logsLocation
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
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
  }
}

resource usageRules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = if (!publicAccess) {
  parent: usage
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: false
  }
}

resource logsRules 'Microsoft.EventHub/namespaces/networkRuleSets@2024-01-01' = if (!publicAccess) {
  parent: logs
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    // Azure Monitor is one.
    trustedServiceAccessEnabled: true
  }
}

resource logsRule 'Microsoft.EventHub/namespaces/authorizationRules@2024-01-01' = {
  parent: logs
  name: 'diagnostic-settings'
  properties: {
    rights: logsRights
  }
}

@description('Resource id of the namespace of usage events.')
output usageId string = usage.id

@description('Name of the namespace of usage events.')
output usageName string = usage.name

@description('Host of the namespace of usage events.')
output usageHost string = replace(replace(usage.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')

@description('Resource id of the namespace of logs.')
output logsId string = logs.id

@description('Name of the namespace of logs.')
output logsName string = logs.name

@description('Host of the namespace of logs.')
output logsHost string = replace(replace(logs.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')

@description('Resource id of the rule that the diagnostic setting uses; the key stays in it.')
output logsRuleId string = logsRule.id
