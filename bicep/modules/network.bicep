metadata description = 'A network of its own: subnets for the app, for the gateway, and for private endpoints.'

import { tagSet } from 'types.bicep'

@description('Required. Where it is.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Optional. Addresses, a /22 or larger that nothing else uses.')
param addressPrefix string = '10.80.0.0/22'

// A row for each subnet. The delegation names the service that runs in it; a subnet without one holds
// private endpoints and sends nothing.
var subnets = [
  { name: 'app', delegation: 'Microsoft.App/environments' }
  { name: 'gateway', delegation: 'Microsoft.Web/serverFarms' }
  { name: 'endpoints', delegation: '' }
]

resource rules 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'nsg-metering-${suffix}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'nothing-from-outside'
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

// Newer versions of this API make subnets private by default, which would take from the app its way
// out to Entra and Application Insights: keep the version, or give the app a NAT gateway first.
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
        defaultOutboundAccess: !empty(subnet.delegation)
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
