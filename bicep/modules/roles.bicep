metadata description = 'Every role assignment of the installation. Deployed to each resource group that has something to protect; what is not there is left empty.'

import { principalKind } from 'types.bicep'

@description('Required. Object id of the identity of the function app.')
param appPrincipalId string

@description('Optional. Object id of the identity of API Management.')
param gatewayPrincipalId string = ''

@description('Optional. Object id of the identity that writes Capture files.')
param capturePrincipalId string = ''

@description('Optional. Object ids of the operators: they run `metering` against this installation.')
param operatorPrincipalIds string[] = []

@description('Optional. What kind of identity the operators are.')
param operatorKind principalKind = 'Group'

@description('Optional. What operators may do with the store: nothing but read, or also tenants, plans, prices, replays.')
param operatorCosmosRole 'reader' | 'contributor' = 'contributor'

@description('Optional. Name of the namespace of usage events.')
param usageNamespaceName string = ''

@description('Optional. Name of the namespace of logs.')
param logsNamespaceName string = ''

@description('Optional. Name of the storage account of the Functions host.')
param hostAccountName string = ''

@description('Optional. The container of the host with its checkpoints.')
param checkpointsContainer string = ''

@description('Optional. Name of the storage account of Capture files and exports.')
param dataAccountName string = ''

@description('Optional. The container of Capture files.')
param captureContainer string = ''

@description('Optional. The container of exports.')
param exportsContainer string = ''

@description('Optional. The container of anchors.')
param anchorsContainer string = ''

@description('Optional. Name of the Cosmos DB account.')
param cosmosAccountName string = ''

@description('Optional. Name of Application Insights.')
param insightsName string = ''

@description('Optional. Name of the API Management service whose subscriptions the app may suspend.')
param suspendingServiceName string = ''

@description('Optional. Resource id of a role with the two actions below; empty: a custom role is made, which takes Owner or User Access Administrator.')
param suspendingRoleId string = ''

@description('Optional. Name of an Azure OpenAI or Foundry account behind the gateway.')
param modelAccountName string = ''

@description('Optional. Whether models of others than OpenAI are in that account.')
param modelsOfOthers bool = false

@description('Optional. Name of the key vault with the secret of the webhook.')
param vaultName string = ''

// ------------------------------------------------------------------ the table

var roles = {
  eventHubsDataReceiver: 'a638d3c7-ab3a-418d-83e6-5f17a39d4fde'
  eventHubsDataSender: '2b629674-e913-4c01-ae53-ef4638d8f975'
  storageBlobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  storageBlobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  storageBlobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  storageQueueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  storageTableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  cognitiveServicesOpenAiUser: '5e0bd9bd-7b93-4f28-af87-19fc36ad61bd'
  cognitiveServicesUser: 'a97b65f3-24c7-4388-baec-2e87135dc908'
  keyVaultSecretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
}

var app = { principal: appPrincipalId, kind: 'ServicePrincipal' }
var gateway = { principal: gatewayPrincipalId, kind: 'ServicePrincipal' }
var capture = { principal: capturePrincipalId, kind: 'ServicePrincipal' }

var operatorsSend = [for id in operatorPrincipalIds: { role: roles.eventHubsDataSender, who: { principal: id, kind: operatorKind } }]
var operatorsListen = [for id in operatorPrincipalIds: { role: roles.eventHubsDataReceiver, who: { principal: id, kind: operatorKind } }]
var operatorsRead = [for id in operatorPrincipalIds: { role: roles.storageBlobDataReader, who: { principal: id, kind: operatorKind } }]

// ingest_usage reads it; join_usage and operators publish to it; the gateway's policies log to it; operators
// see how far it was read.
var onUsage = concat([
  { role: roles.eventHubsDataReceiver, who: app }
  { role: roles.eventHubsDataSender, who: app }
  { role: roles.eventHubsDataSender, who: gateway }
], operatorsSend, operatorsListen)

// join_usage reads it; Azure Monitor writes to it by its rule; operators replay logs to it, and see how far it
// was read.
var onLogs = concat([
  { role: roles.eventHubsDataReceiver, who: app }
], operatorsSend, operatorsListen)

// What the Functions host needs: its packages, checkpoints and locks of timers.
var onHostAccount = [
  { role: roles.storageBlobDataOwner, who: app }
  { role: roles.storageQueueDataContributor, who: app }
  { role: roles.storageTableDataContributor, who: app }
]

// `metering status` and `metering close` compare them with the ends of the hubs.
var onCheckpoints = operatorsRead

// Nobody but Capture writes the raw copy.
var onCapture = concat([
  { role: roles.storageBlobDataContributor, who: capture }
], operatorsRead)

var onExports = concat([
  { role: roles.storageBlobDataContributor, who: app }
], operatorsRead)

var onAnchors = concat([
  { role: roles.storageBlobDataContributor, who: app }
], operatorsRead)

var onInsights = [
  { role: roles.monitoringMetricsPublisher, who: app }
]

var onModels = [
  { role: modelsOfOthers ? roles.cognitiveServicesUser : roles.cognitiveServicesOpenAiUser, who: gateway }
]

var onVault = [
  { role: roles.keyVaultSecretsUser, who: app }
]

// What may be done to a subscription of API Management: look at it, and change its state.
var subscriptionState = [
  'Microsoft.ApiManagement/service/subscriptions/read'
  'Microsoft.ApiManagement/service/subscriptions/write'
]

// Data roles of Cosmos DB are its own.
var cosmosReader = '00000000-0000-0000-0000-000000000001'
var cosmosContributor = '00000000-0000-0000-0000-000000000002'

var operatorsOnCosmos = [for id in operatorPrincipalIds: { role: operatorCosmosRole == 'reader' ? cosmosReader : cosmosContributor, who: { principal: id, kind: operatorKind } }]

var onCosmos = concat([
  { role: cosmosContributor, who: app }
], operatorsOnCosmos)

// ------------------------------------------------------------ the assignments

resource usage 'Microsoft.EventHub/namespaces@2026-01-01' existing = if (!empty(usageNamespaceName)) {
  name: usageNamespaceName
}

resource usageAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(usageNamespaceName) ? [] : onUsage): {
  name: guid(usage.id, row.who.principal, row.role)
  scope: usage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource logs 'Microsoft.EventHub/namespaces@2026-01-01' existing = if (!empty(logsNamespaceName)) {
  name: logsNamespaceName
}

resource logsAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(logsNamespaceName) ? [] : onLogs): {
  name: guid(logs.id, row.who.principal, row.role)
  scope: logs
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = if (!empty(hostAccountName)) {
  name: hostAccountName
}

resource hostAccountAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(hostAccountName) ? [] : onHostAccount): {
  name: guid(hostAccount.id, row.who.principal, row.role)
  scope: hostAccount
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource checkpoints 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = if (!empty(hostAccountName)) {
  name: '${hostAccountName}/default/${checkpointsContainer}'
}

resource checkpointsAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(hostAccountName) ? [] : onCheckpoints): {
  name: guid(checkpoints.id, row.who.principal, row.role)
  scope: checkpoints
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource captured 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = if (!empty(dataAccountName)) {
  name: '${dataAccountName}/default/${captureContainer}'
}

resource capturedAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(dataAccountName) ? [] : onCapture): {
  name: guid(captured.id, row.who.principal, row.role)
  scope: captured
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource exported 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = if (!empty(dataAccountName)) {
  name: '${dataAccountName}/default/${exportsContainer}'
}

resource exportedAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(dataAccountName) ? [] : onExports): {
  name: guid(exported.id, row.who.principal, row.role)
  scope: exported
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource anchored 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = if (!empty(dataAccountName)) {
  name: '${dataAccountName}/default/${anchorsContainer}'
}

resource anchoredAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(dataAccountName) ? [] : onAnchors): {
  name: guid(anchored.id, row.who.principal, row.role)
  scope: anchored
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = if (!empty(insightsName)) {
  name: insightsName
}

resource insightsAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(insightsName) ? [] : onInsights): {
  name: guid(insights.id, row.who.principal, row.role)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource models 'Microsoft.CognitiveServices/accounts@2025-06-01' existing = if (!empty(modelAccountName)) {
  name: modelAccountName
}

resource modelsAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(modelAccountName) ? [] : onModels): {
  name: guid(models.id, row.who.principal, row.role)
  scope: models
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = if (!empty(vaultName)) {
  name: vaultName
}

resource vaultAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for row in (empty(vaultName) ? [] : onVault): {
  name: guid(vault.id, row.who.principal, row.role)
  scope: vault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', row.role)
    principalId: row.who.principal
    principalType: row.who.kind
  }
}]

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = if (!empty(cosmosAccountName)) {
  name: cosmosAccountName
}

// One after the other: Cosmos DB locks the account for each and answers 412 to a second one.
@batchSize(1)
resource cosmosAssignments 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = [for row in (empty(cosmosAccountName) ? [] : onCosmos): {
  parent: cosmos
  name: guid(cosmos.id, row.who.principal, row.role)
  properties: {
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/${row.role}'
    principalId: row.who.principal
    scope: cosmos.id
  }
}]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = if (!empty(suspendingServiceName)) {
  name: suspendingServiceName
}

// API Management Service Contributor could change every policy, and so read every prompt.
resource mayChangeState 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (!empty(suspendingServiceName) && empty(suspendingRoleId)) {
  name: guid(resourceGroup().id, 'metering-subscription-state')
  properties: {
    roleName: 'Metering subscription state (${uniqueString(resourceGroup().id)})'
    description: 'Look at subscriptions of API Management, suspend them and make them active again.'
    type: 'CustomRole'
    assignableScopes: [
      resourceGroup().id
    ]
    permissions: [
      {
        actions: subscriptionState
        notActions: []
      }
    ]
  }
}

resource serviceAssignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(suspendingServiceName)) {
  name: guid(service.id, appPrincipalId, 'metering-subscription-state')
  scope: service
  properties: {
    roleDefinitionId: empty(suspendingRoleId) ? mayChangeState.id : suspendingRoleId
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}
