metadata description = 'The hubs, their consumer groups, and Capture of usage events. After the roles: Capture is tried when it is made.'

@description('Required. Name of the namespace of usage events.')
param usageNamespaceName string

@description('Required. Name of the namespace of logs.')
param logsNamespaceName string

@description('Required. The hub of usage events.')
param usageHub string

@description('Required. The hub of gateway logs.')
param logsHub string

@description('Required. The consumer group that the function app reads both with.')
param consumerGroup string

@description('Required. Resource id of the storage account of Capture files.')
param captureAccountId string

@description('Required. The container there.')
param captureContainer string

@description('Required. Resource id of the identity that writes Capture files.')
param captureIdentityId string

@description('Optional. Partitions of each hub: as many instances at most count usage. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 8

@description('Optional. Days that a hub keeps events; 7 is what Standard has.')
@minValue(1)
@maxValue(7)
param retentionDays int = 7

resource usageNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: usageNamespaceName
}

resource logsNamespace 'Microsoft.EventHub/namespaces@2024-01-01' existing = {
  name: logsNamespaceName
}

resource usage 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
  parent: usageNamespace
  name: usageHub
  properties: {
    partitionCount: partitions
    retentionDescription: {
      cleanupPolicy: 'Delete'
      retentionTimeInHours: retentionDays * 24
    }
    captureDescription: {
      enabled: true
      encoding: 'Avro'
      intervalInSeconds: 300
      sizeLimitInBytes: 314572800
      skipEmptyArchives: true
      destination: {
        name: 'EventHubArchive.AzureBlockBlob'
        identity: {
          type: 'UserAssigned'
          userAssignedIdentity: captureIdentityId
        }
        properties: {
          storageAccountResourceId: captureAccountId
          blobContainer: captureContainer
          archiveNameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
        }
      }
    }
  }
}

resource logs 'Microsoft.EventHub/namespaces/eventhubs@2024-01-01' = {
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

resource usageReader 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: usage
  name: consumerGroup
}

resource logsReader 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2024-01-01' = {
  parent: logs
  name: consumerGroup
}
