metadata description = 'Private DNS zones of the installation, linked to its network.'

import { tagSet } from 'types.bicep'

@description('Required. Names of the zones.')
param zones string[]

@description('Required. Resource id of the network that resolves them.')
param networkId string

@description('Required. Tags.')
param tags tagSet

resource names 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zones: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, i) in zones: {
  parent: names[i]
  name: 'metering'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}]
