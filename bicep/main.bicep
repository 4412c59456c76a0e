targetScope = 'subscription'

metadata description = 'Metering and billing of language models behind API Management. This file only composes; bicep/README.md explains the parameters.'

import { alwaysReadyGroup, modelAccount, principalKind, productDefinition } from 'modules/types.bicep'

// ------------------------------------------------------------------ where

@description('Required. Name of this installation, such as prod: letters, digits and hyphens; part of the names of its resources.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Required. Where it is. The region must have Flex Consumption.')
param location string

@description('Optional. Resource group that is made for it.')
param resourceGroupName string = 'rg-metering-${environmentName}'

@description('Optional. Tags of everything.')
param tags object = {}

// ---------------------------------------------------------------- gateway

@description('Optional. Resource id of the API Management service to use, with a system-assigned identity; empty: a new one is made.')
param apiManagementId string = ''

@description('Conditional. Region of that service, if it is another one: its logs can be sent to a hub in its own region only.')
param apiManagementLocation string = location

@description('Optional. Tier of a new service. A network of its own needs StandardV2 or PremiumV2.')
param apiManagementSku 'BasicV2' | 'StandardV2' | 'PremiumV2' = 'BasicV2'

@description('Optional. Units of a new service.')
@minValue(1)
param apiManagementUnits int = 1

@description('Conditional. Who gets the mail of a new service.')
param publisherEmail string = ''

@description('Conditional. Whose a new service is.')
param publisherName string = 'Metering'

@description('Optional. Where OpenAI models are, such as https://contoso.openai.azure.com/openai; empty: no API is made for them.')
param openAiUrl string = ''

@description('Optional. What the gateway asks a token of OpenAI models for; it goes by the host.')
param openAiAudience string = 'https://cognitiveservices.azure.com'

@description('Optional. Where Anthropic models are, such as https://contoso.services.ai.azure.com/anthropic; empty: no API is made for them. Only v2 tiers.')
param anthropicUrl string = ''

@description('Optional. What the gateway asks a token of Anthropic models for.')
param anthropicAudience string = 'https://ai.azure.com'

@description('Optional. The accounts behind those addresses: the gateway is given the role to use their models.')
param modelAccounts modelAccount[] = []

@description('Optional. What callers subscribe to.')
param products productDefinition[] = [
  { name: 'llm', displayName: 'Language models' }
]

@description('Optional. Who is let through when the metering API does not answer; off: it is not asked, and quotas only notify.')
param admission 'off' | 'fail-open' | 'fail-closed' = 'off'

@description('Optional. Whether chat streams are asked for their usage.')
param countStreams bool = false

@description('Optional. Whether usage that no policy reported is recovered from the log of requests; for gateways with APIs that lack the policy.')
param recoverUsage bool = false

@description('Optional. Whether subscriptions of tenants that are blocked are suspended. Read docs/operations.md first.')
param suspendSubscriptions bool = false

// --------------------------------------------------------------- identity

@description('Optional. Object ids of the operators: people, or rather a group of them.')
param operatorPrincipalIds string[] = []

@description('Optional. What kind of identity they are.')
param operatorKind principalKind = 'Group'

@description('Optional. What operators may do with the store.')
param operatorCosmosRole 'reader' | 'contributor' = 'contributor'

@description('Optional. Client id of the Entra application of the metering API; empty: App Service authentication is not set up.')
param apiClientId string = ''

@description('Optional. Audience of the tokens of the metering API.')
param apiAudience string = empty(apiClientId) ? 'api://metering' : 'api://${apiClientId}'

// ------------------------------------------------------------------- size

@description('Optional. What Cosmos DB is paid by.')
param cosmosCapacity 'serverless' | 'autoscale' = 'autoscale'

@description('Optional. Name of the Cosmos DB account, where it is another than cosmos- and the suffix: one that was restored (docs/runbook/store.md).')
param cosmosAccountName string = ''

@description('Optional. With autoscale: request units a second at most for ledgers.')
@minValue(1000)
param cosmosLedgersThroughput int = 10000

@description('Optional. With autoscale: request units a second at most for everything else.')
@minValue(1000)
param cosmosThroughput int = 4000

@description('Optional. Whether Cosmos DB is spread over zones.')
param cosmosZoneRedundant bool = false

@description('Optional. A second region of Cosmos DB; empty: none.')
param cosmosSecondLocation string = ''

@description('Optional. How far back the store can be restored.')
param cosmosBackup 'Continuous7Days' | 'Continuous30Days' = 'Continuous30Days'

@description('Optional. Partitions of each hub. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 8

@description('Optional. Throughput units of a hub at most.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int = 10

@description('Optional. What the diagnostic setting may do at the namespace of logs.')
param logsRights ('Send' | 'Listen' | 'Manage')[] = ['Send']

@description('Optional. Instances that are never scaled away.')
param alwaysReady alwaysReadyGroup[] = []

@description('Optional. Instances at most, for each function.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Optional. How often files are kept.')
param storageRedundancy 'LRS' | 'ZRS' | 'GRS' | 'GZRS' = 'ZRS'

@description('Optional. Days that Capture files are kept. Events older than 400 days are not accepted again.')
@minValue(1)
param captureDays int = 400

// --------------------------------------------------------------- operation

@description('Optional. What becomes of usage of a subscription that nobody mapped.')
param unknownSubscription 'reject' | 'auto' = 'reject'

@description('Optional. What is delivered to the container of exports on a schedule, such as chargeback=daily; empty: nothing.')
param exportSchedule string = ''

@description('Optional. Who sends the statements, as exports name it.')
param issuerName string = 'LLM platform'

@description('Optional. How long after its end a period is closed.')
param closeGrace string = '24h'

@description('Optional. How much longer it waits for counts and prices that are still to come.')
param closeWait string = '72h'

@description('Optional. Requests a second that one caller may make, or off.')
param rateLimit string = '300'

@description('Optional. Who is told of effects; empty: the log.')
param webhookUrl string = ''

@description('Conditional. Needed with webhookUrl: address of the secret in a key vault.')
param webhookSecretUri string = ''

@description('Conditional. Needed with webhookUrl: resource id of that key vault.')
param webhookVaultId string = ''

@description('Optional. Whether store, hubs and files are reached from a network of their own only. A new gateway then needs StandardV2 or PremiumV2.')
param privateNetwork bool = false

@description('Optional. Addresses of that network.')
param networkAddressPrefix string = '10.80.0.0/22'

@description('Optional. Who gets mail of alerts and of the budget; empty: there are none.')
param alertEmails string[] = []

@description('Optional. What the installation may cost a month before somebody gets mail; 0: no budget.')
param budgetAmount int = 0

@description('Conditional. Needed with budgetAmount: first day of the month in which the budget is made, such as 2026-11-01. It stays.')
param budgetStart string = ''

// ------------------------------------------------------------------ names

// Hubs and consumer groups as metering/local and the tests know them.
var usageHub = 'usage'
var logsHub = 'gateway-logs'
var consumerGroup = 'metering'
var databaseName = 'metering'
var packagesContainer = 'packages'
var captureContainer = 'capture'
var exportsContainer = 'exports'

var unique = uniqueString(subscription().id, resourceGroupName)
var suffix = toLower('${environmentName}-${unique}')
var allTags = union(tags, { 'azd-env-name': environmentName, application: 'metering' })

var makesGateway = empty(apiManagementId)
var gatewayName = makesGateway ? 'apim-${suffix}' : last(split(apiManagementId, '/'))
var gatewayGroup = makesGateway ? resourceGroupName : split(apiManagementId, '/')[4]
var gatewaySubscription = makesGateway ? subscription().subscriptionId : split(apiManagementId, '/')[2]
var gatewayId = resourceId(gatewaySubscription, gatewayGroup, 'Microsoft.ApiManagement/service', gatewayName)

// ---------------------------------------------------------------- modules

resource group 'Microsoft.Resources/resourceGroups@2024-07-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  name: 'metering-identity'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'metering-monitoring'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  name: 'metering-network'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    addressPrefix: networkAddressPrefix
  }
}

module hostStorage 'modules/storage.bicep' = {
  name: 'metering-host-storage'
  scope: group
  params: {
    name: 'sthost${unique}'
    location: location
    tags: allTags
    containerNames: [packagesContainer]
    redundancy: storageRedundancy == 'LRS' ? 'LRS' : 'ZRS'
    publicAccess: !privateNetwork
  }
}

module dataStorage 'modules/storage.bicep' = {
  name: 'metering-data-storage'
  scope: group
  params: {
    name: 'stdata${unique}'
    location: location
    tags: allTags
    containerNames: [captureContainer, exportsContainer]
    redundancy: storageRedundancy
    expireAfterDays: captureDays
    expiringContainer: captureContainer
    keepVersions: true
    publicAccess: !privateNetwork
  }
}

module eventHubs 'modules/event-hubs.bicep' = {
  name: 'metering-event-hubs'
  scope: group
  params: {
    location: location
    logsLocation: apiManagementLocation
    suffix: suffix
    tags: allTags
    captureIdentityId: identity.outputs.captureId
    maximumThroughputUnits: maximumThroughputUnits
    logsRights: logsRights
    publicAccess: !privateNetwork
  }
}

module cosmos 'modules/cosmos.bicep' = {
  name: 'metering-cosmos'
  scope: group
  params: {
    location: location
    tags: allTags
    accountName: empty(cosmosAccountName) ? 'cosmos-${suffix}' : cosmosAccountName
    databaseName: databaseName
    capacity: cosmosCapacity
    maxThroughput: cosmosThroughput
    maxLedgersThroughput: cosmosLedgersThroughput
    backup: cosmosBackup
    zoneRedundant: cosmosZoneRedundant
    secondLocation: cosmosSecondLocation
    publicAccess: !privateNetwork
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  name: 'metering-private-endpoints'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    subnetId: network!.outputs.endpointsSubnetId
    cosmosId: cosmos.outputs.id
    usageNamespaceId: eventHubs.outputs.usageId
    logsNamespaceId: eventHubs.outputs.logsId
    hostAccountId: hostStorage.outputs.id
    dataAccountId: dataStorage.outputs.id
  }
}

module apiManagement 'modules/api-management.bicep' = {
  name: 'metering-api-management'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    name: gatewayName
    isNew: makesGateway
    location: apiManagementLocation
    tags: allTags
    sku: apiManagementSku
    units: apiManagementUnits
    publisherEmail: publisherEmail
    publisherName: publisherName
    subnetId: privateNetwork ? network!.outputs.gatewaySubnetId : ''
  }
  dependsOn: [
    group
  ]
}

module roles 'modules/roles.bicep' = {
  name: 'metering-roles'
  scope: group
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    gatewayPrincipalId: apiManagement.outputs.principalId
    capturePrincipalId: identity.outputs.capturePrincipalId
    operatorPrincipalIds: operatorPrincipalIds
    operatorKind: operatorKind
    operatorCosmosRole: operatorCosmosRole
    usageNamespaceName: eventHubs.outputs.usageName
    logsNamespaceName: eventHubs.outputs.logsName
    hostAccountName: hostStorage.outputs.name
    dataAccountName: dataStorage.outputs.name
    captureContainer: captureContainer
    exportsContainer: exportsContainer
    cosmosAccountName: cosmos.outputs.name
    insightsName: monitoring.outputs.insightsName
  }
}

module rolesAtGateway 'modules/roles.bicep' = if (suspendSubscriptions) {
  name: 'metering-roles-at-gateway'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    suspendingServiceName: gatewayName
  }
  dependsOn: [
    apiManagement
  ]
}

module rolesAtModels 'modules/roles.bicep' = [for account in modelAccounts: {
  name: 'metering-roles-at-${account.name}'
  scope: resourceGroup(account.resourceGroup)
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    gatewayPrincipalId: apiManagement.outputs.principalId
    modelAccountName: account.name
    modelsOfOthers: !empty(anthropicUrl)
  }
}]

module rolesAtVault 'modules/roles.bicep' = if (!empty(webhookVaultId)) {
  name: 'metering-roles-at-vault'
  scope: resourceGroup(empty(webhookVaultId) ? subscription().subscriptionId : split(webhookVaultId, '/')[2], empty(webhookVaultId) ? resourceGroupName : split(webhookVaultId, '/')[4])
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    vaultName: last(split(webhookVaultId, '/'))
  }
}

module hubs 'modules/hubs.bicep' = {
  name: 'metering-hubs'
  scope: group
  params: {
    usageNamespaceName: eventHubs.outputs.usageName
    logsNamespaceName: eventHubs.outputs.logsName
    usageHub: usageHub
    logsHub: logsHub
    consumerGroup: consumerGroup
    captureAccountId: dataStorage.outputs.id
    captureContainer: captureContainer
    captureIdentityId: identity.outputs.captureId
    partitions: partitions
  }
  dependsOn: [
    roles
  ]
}

module functionApp 'modules/function-app.bicep' = {
  name: 'metering-function-app'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    identityId: identity.outputs.appId
    identityClientId: identity.outputs.appClientId
    hostAccountName: hostStorage.outputs.name
    packagesUrl: '${hostStorage.outputs.blobEndpoint}${packagesContainer}'
    cosmosAccountName: cosmos.outputs.name
    databaseName: databaseName
    usageHost: eventHubs.outputs.usageHost
    usageHub: usageHub
    logsHost: eventHubs.outputs.logsHost
    logsHub: logsHub
    consumerGroup: consumerGroup
    insightsConnectionString: monitoring.outputs.connectionString
    unknownSubscription: unknownSubscription
    recoveryDelay: recoverUsage ? '15m' : 'off'
    exportsUrl: '${dataStorage.outputs.blobEndpoint}${exportsContainer}'
    exportSchedule: exportSchedule
    issuerName: issuerName
    closeGrace: closeGrace
    closeWait: closeWait
    rateLimit: rateLimit
    apiClientId: apiClientId
    webhookUrl: webhookUrl
    webhookSecretUri: webhookSecretUri
    suspendingServiceId: suspendSubscriptions ? gatewayId : ''
    alwaysReady: alwaysReady
    maximumInstances: maximumInstances
    subnetId: privateNetwork ? network!.outputs.appSubnetId : ''
  }
  dependsOn: [
    roles
    hubs
    privateEndpoints
  ]
}

module authentication 'modules/authentication.bicep' = if (!empty(apiClientId)) {
  name: 'metering-authentication'
  scope: group
  params: {
    appName: functionApp.outputs.name
    clientId: apiClientId
    audience: apiAudience
    // The code answers whoever has no token: pages to sign in with, and problems for programs.
    withoutToken: 'AllowAnonymous'
  }
}

module gateway 'modules/gateway.bicep' = {
  name: 'metering-gateway'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    usageHost: eventHubs.outputs.usageHost
    usageHub: usageHub
    apiUrl: functionApp.outputs.url
    apiAudience: apiAudience
    admission: admission
    countStreams: countStreams
    openAiAudience: openAiAudience
    anthropicAudience: anthropicAudience
  }
  dependsOn: [
    apiManagement
    roles
    hubs
  ]
}

module llmApis 'modules/llm-apis.bicep' = {
  name: 'metering-llm-apis'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    monitorLoggerId: gateway.outputs.monitorLoggerId
    openAiUrl: openAiUrl
    anthropicUrl: anthropicUrl
    products: products
  }
  dependsOn: [
    rolesAtModels
  ]
}

module balanceApi 'modules/balance-api.bicep' = {
  name: 'metering-balance-api'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    products: products
  }
  dependsOn: [
    gateway
    llmApis
  ]
}

module gatewayLogs 'modules/gateway-logs.bicep' = {
  name: 'metering-gateway-logs'
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    logsRuleId: eventHubs.outputs.logsRuleId
    logsHub: logsHub
    recoverUsage: recoverUsage
  }
  dependsOn: [
    apiManagement
    hubs
  ]
}

module actionGroup 'modules/action-group.bicep' = if (!empty(alertEmails)) {
  name: 'metering-action-group'
  scope: group
  params: {
    suffix: suffix
    tags: allTags
    emails: alertEmails
  }
}

module platformAlerts 'modules/platform-alerts.bicep' = if (!empty(alertEmails)) {
  name: 'metering-platform-alerts'
  scope: group
  params: {
    suffix: suffix
    tags: allTags
    actionGroupId: actionGroup!.outputs.id
    usageNamespaceId: eventHubs.outputs.usageId
  }
}

module alerts 'modules/alerts.bicep' = {
  name: 'metering-alerts'
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    applicationInsightsId: monitoring.outputs.insightsId
    actionGroupIds: empty(alertEmails) ? [] : [actionGroup!.outputs.id]
    eventHubNamespaceIds: [eventHubs.outputs.usageId, eventHubs.outputs.logsId]
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'metering-workbook'
  scope: group
  params: {
    location: location
    tags: allTags
    applicationInsightsId: monitoring.outputs.insightsId
  }
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0 && !empty(budgetStart) && !empty(alertEmails)) {
  name: 'metering-budget'
  scope: group
  params: {
    amount: budgetAmount
    emails: alertEmails
    startDate: budgetStart
  }
}

// Outputs become the environment of `azd` and of bicep/scripts. None is a secret.

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The function app.')
output FUNCTION_APP_NAME string = functionApp.outputs.name

@description('Address of the metering API.')
output METERING_API string = functionApp.outputs.url

@description('What `metering` on an operator\'s machine takes as METERING_STORE.')
output METERING_STORE string = 'cosmos://${cosmos.outputs.name}/${databaseName}'

@description('What it takes as UsageHub__fullyQualifiedNamespace.')
output USAGE_NAMESPACE string = eventHubs.outputs.usageHost

@description('What it takes as USAGE_HUB.')
output USAGE_HUB string = usageHub

@description('Address of Capture files.')
output CAPTURE_URL string = '${dataStorage.outputs.blobEndpoint}${captureContainer}'

@description('Address of exports.')
output EXPORTS_URL string = '${dataStorage.outputs.blobEndpoint}${exportsContainer}'

@description('Object id of the gateway\'s identity, which is to have the role Metering.Gateway.')
output GATEWAY_PRINCIPAL_ID string = apiManagement.outputs.principalId

@description('Address that callers of models use.')
output GATEWAY_URL string = apiManagement.outputs.gatewayUrl
