metadata description = 'What the app and the gateway reach without leaving the network. The zones of their names are in network.bicep.'

@description('Required. Where the network is.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags object

@description('Required. Resource id of the subnet of private endpoints.')
param subnetId string

@description('Required. Resource id of the Cosmos DB account.')
param cosmosId string

@description('Required. Resource id of the namespace of usage events.')
param usageNamespaceId string

@description('Required. Resource id of the namespace of logs.')
param logsNamespaceId string

@description('Required. Resource id of the storage account of the Functions host.')
param hostAccountId string

@description('Required. Resource id of the storage account of Capture files and exports.')
param dataAccountId string

// A row for each endpoint.
var endpoints = [
  { name: 'cosmos', target: cosmosId, group: 'Sql', zone: 'privatelink.documents.azure.com' }
  { name: 'usage', target: usageNamespaceId, group: 'namespace', zone: 'privatelink.servicebus.windows.net' }
  { name: 'logs', target: logsNamespaceId, group: 'namespace', zone: 'privatelink.servicebus.windows.net' }
  { name: 'host-blob', target: hostAccountId, group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { name: 'host-queue', target: hostAccountId, group: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { name: 'host-table', target: hostAccountId, group: 'table', zone: 'privatelink.table.${environment().suffixes.storage}' }
  { name: 'data-blob', target: dataAccountId, group: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
]

resource each 'Microsoft.Network/privateEndpoints@2024-05-01' = [for endpoint in endpoints: {
  name: 'pe-${endpoint.name}-${suffix}'
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetId
    }
    privateLinkServiceConnections: [
      {
        name: endpoint.name
        properties: {
          privateLinkServiceId: endpoint.target
          groupIds: [
            endpoint.group
          ]
        }
      }
    ]
  }
}]

resource names 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2024-05-01' = [for (endpoint, i) in endpoints: {
  parent: each[i]
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: endpoint.group
        properties: {
          privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', endpoint.zone)
        }
      }
    ]
  }
}]
