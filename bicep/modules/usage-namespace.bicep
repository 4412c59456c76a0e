metadata description = 'The namespace of usage events: made, or one that exists. Its hub is in usage-hub.bicep.'

import { tagSet } from 'types.bicep'

@description('Required. Name of the namespace.')
param name string

@description('Required. Whether it is made; otherwise it exists, with a system-assigned identity for Capture.')
param isNew bool

@description('Required. Where it is made.')
param location string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource id of the identity that writes Capture files of a new namespace.')
param captureIdentityId string

@description('Optional. Throughput units to begin with; each takes 1,000 events or 1 MB a second.')
@minValue(1)
@maxValue(40)
param throughputUnits int = 1

@description('Optional. Throughput units at most; a hub that throttles loses events of the gateway.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int = 10

@description('Optional. Whether it is reached from outside the network.')
param publicAccess bool = true

resource usage 'Microsoft.EventHub/namespaces@2026-01-01' = if (isNew) {
  name: name
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
    // Fixed at creation and free; where a region has no zones it has no effect.
    zoneRedundant: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
  }
}

resource there 'Microsoft.EventHub/namespaces@2026-01-01' existing = if (!isNew) {
  name: name
}

resource usageRules 'Microsoft.EventHub/namespaces/networkRuleSets@2026-01-01' = if (isNew && !publicAccess) {
  parent: usage
  name: 'default'
  properties: {
    publicNetworkAccess: 'Disabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: false
  }
}

@description('Host of the namespace.')
output host string = replace(replace(isNew ? usage!.properties.serviceBusEndpoint : there!.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')

@description('Object id of the system-assigned identity of a namespace that exists; empty for a new one.')
output capturePrincipalId string = isNew ? '' : there!.identity.principalId
