metadata description = 'A network of its own: subnets for the app, for the gateway, and for private endpoints, and the names that resolve to those.'

@description('Required. Where it is.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Optional. Addresses, a /22 or larger that nothing else uses.')
param addressPrefix string = '10.80.0.0/22'

// A row for each subnet; delegation: whose service runs in it.
var subnets = [
  { name: 'app', delegation: 'Microsoft.App/environments' }
  { name: 'gateway', delegation: 'Microsoft.Web/serverFarms' }
  { name: 'endpoints', delegation: '' }
]

var zones = [
  'privatelink.documents.azure.com'
  'privatelink.servicebus.windows.net'
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
]

resource rules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-metering-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nobody-from-outside'
        properties: {
          direction: 'Inbound'
          access: 'Deny'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'vnet-metering-${suffix}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        addressPrefix
      ]
    }
    subnets: [for (subnet, i) in subnets: {
      name: subnet.name
      properties: {
        addressPrefix: cidrSubnet(addressPrefix, 24, i)
        networkSecurityGroup: {
          id: rules.id
        }
        privateEndpointNetworkPolicies: 'NetworkSecurityGroupEnabled'
        delegations: empty(subnet.delegation) ? [] : [
          {
            name: subnet.name
            properties: {
              serviceName: subnet.delegation
            }
          }
        ]
      }
    }]
  }
}

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
      id: network.id
    }
  }
}]

@description('Resource id of the subnet of the function app.')
output appSubnetId string = '${network.id}/subnets/app'

@description('Resource id of the subnet of API Management.')
output gatewaySubnetId string = '${network.id}/subnets/gateway'

@description('Resource id of the subnet of private endpoints.')
output endpointsSubnetId string = '${network.id}/subnets/endpoints'
