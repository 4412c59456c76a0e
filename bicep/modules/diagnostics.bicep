metadata description = 'Azure\'s own record of changes: of the store, the hubs, the files and the app, to the workspace.'

@description('Required. Resource id of the workspace.')
param workspaceId string

@description('Required. Whether single reads and writes of the store, and the records of the host of the app, are kept too: by far the most expensive part.')
param withData bool

@description('Required. Name of the Cosmos DB account in this resource group; empty: it is elsewhere.')
param cosmosAccountName string

@description('Required. Name of the namespace of usage events in this resource group; empty: it is elsewhere.')
param usageNamespaceName string

@description('Required. Name of the storage account of raw copy and exports in this resource group; empty: it is elsewhere.')
param dataAccountName string

@description('Required. Name of the function app.')
param appName string

var ofStore = concat(['ControlPlaneRequests'], withData ? ['DataPlaneRequests'] : [])

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = if (!empty(cosmosAccountName)) {
  name: cosmosAccountName
}

resource ofCosmos 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(cosmosAccountName)) {
  name: 'metering-audit'
  scope: cosmos
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ofStore: { category: category, enabled: true }]
  }
}

resource usage 'Microsoft.EventHub/namespaces@2026-01-01' existing = if (!empty(usageNamespaceName)) {
  name: usageNamespaceName
}

// ArchiveLogs say why Capture fails.
resource ofUsage 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(usageNamespaceName)) {
  name: 'metering-audit'
  scope: usage
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['ArchiveLogs', 'OperationalLogs']: { category: category, enabled: true }]
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = if (!empty(dataAccountName)) {
  name: '${dataAccountName}/default'
}

resource ofBlobs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(dataAccountName)) {
  name: 'metering-audit'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['StorageWrite', 'StorageDelete']: { category: category, enabled: true }]
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource ofApp 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (withData) {
  name: 'metering-audit'
  scope: app
  properties: {
    workspaceId: workspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['FunctionAppLogs']: { category: category, enabled: true }]
  }
}
