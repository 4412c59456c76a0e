metadata description = 'The way from the network to each resource that is closed to the outside.'

import { tagSet } from 'types.bicep'

@description('A resource that the network reaches.')
type endpoint = {
  @description('Required. Short name; part of the name of the endpoint.')
  name: string

  @description('Required. Resource id of the target.')
  target: string

  @description('Required. Group id of the service.')
  group: string

  @description('Required. Private DNS zone of the service.')
  zone: string
}

@description('Required. Where the network is.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource id of the subnet of private endpoints.')
param subnetId string

@description('Required. The endpoints.')
param endpoints endpoint[]

@description('Required. Resource id of the resource group of the private DNS zones; empty: a policy of the landing zone writes the names.')
param zonesGroupId string

// Azure cannot point an endpoint at another target, so the target is part of its name: a restored
// store gets an endpoint of its own beside that of the store it replaces.
resource each 'Microsoft.Network/privateEndpoints@2024-05-01' = [for one in endpoints: {
  name: 'pe-${one.name}-${take(uniqueString(one.target), 5)}-${suffix}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: one.name
        properties: {
          privateLinkServiceId: one.target
          groupIds: [
            one.group
          ]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (one, i) in endpoints: if (!empty(zonesGroupId)) {
  parent: each[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: one.group
        properties: {
          privateDnsZoneId: '${zonesGroupId}/providers/Microsoft.Network/privateDnsZones/${one.zone}'
        }
      }
    ]
  }
}]
