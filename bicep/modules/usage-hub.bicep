metadata description = 'The hub of usage events, its consumer group, and Capture. After the roles: Event Hubs tries Capture when it is made.'

@description('Required. Name of the namespace of usage events.')
param namespaceName string

@description('Required. Name of the hub.')
param usageHub string

@description('Required. The consumer group that the function app reads it with.')
param consumerGroup string

@description('Required. Resource id of the storage account of Capture files.')
param captureAccountId string

@description('Required. The container there.')
param captureContainer string

@description('Required. Resource id of the identity that writes Capture files; empty: the namespace signs in as itself.')
param captureIdentityId string

@description('Optional. Partitions: as many instances at most count usage. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 8

@description('Optional. Days that the hub keeps events; Standard keeps 7 at most.')
@minValue(1)
@maxValue(7)
param retentionDays int = 7

resource usageNamespace 'Microsoft.EventHub/namespaces@2026-01-01' existing = {
  name: namespaceName
}

resource usage 'Microsoft.EventHub/namespaces/eventhubs@2026-01-01' = {
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
        identity: empty(captureIdentityId) ? { type: 'SystemAssigned' } : { type: 'UserAssigned', userAssignedIdentity: captureIdentityId }
        properties: {
          storageAccountResourceId: captureAccountId
          blobContainer: captureContainer
          archiveNameFormat: '{Namespace}/{EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}'
        }
      }
    }
  }
}

resource usageReader 'Microsoft.EventHub/namespaces/eventhubs/consumergroups@2026-01-01' = {
  parent: usage
  name: consumerGroup
}
