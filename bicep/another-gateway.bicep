metadata description = 'Connects another API Management service to an installation: its usage goes to the same hub, under subjects with its own name.'

targetScope = 'resourceGroup'

import { modelBackend, productDefinition } from 'modules/types.bicep'

@description('Required. Name of the service, which is in this resource group and has a system-assigned identity.')
param serviceName string

@description('Required. Resource id of the namespace of usage events of the installation.')
param usageNamespaceId string

@description('Required. Host of that namespace: output USAGE_NAMESPACE of the installation.')
param usageHost string

@description('Optional. The hub of usage events.')
param usageHub string = 'usage'

@description('Required. URL of the function app: output METERING_API of the installation.')
param apiUrl string

@description('Required. Audience of the metering API: api://TENANT/metering, or api://metering before sign-in is set up.')
param apiAudience string

@description('Required. Object id of the identity of the function app.')
param appPrincipalId string

@description('Optional. Model backends of OpenAI, with the accounts that the gateway gets a role on.')
param openAiModels modelBackend[] = []

@description('Optional. Path of the OpenAI API at this gateway.')
param openAiPath string = 'openai'

@description('Optional. What the gateway asks a token of OpenAI models for.')
param openAiAudience string = 'https://cognitiveservices.azure.com'

@description('Optional. Model backends of Anthropic.')
param anthropicModels modelBackend[] = []

@description('Optional. Path of the Anthropic API at this gateway.')
param anthropicPath string = 'anthropic'

@description('Optional. What the gateway asks a token of Anthropic models for.')
param anthropicAudience string = 'https://ai.azure.com'

@description('Optional. Path of the balance API at this gateway.')
param balancePath string = 'metering'

@description('Optional. Products that callers subscribe to.')
param products productDefinition[] = [
  { name: 'llm', displayName: 'Language models' }
]

@description('Optional. Whether the gateway asks for admission, and what happens without an answer.')
param admission 'off' | 'fail-open' | 'fail-closed' = 'off'

@description('Optional. Resource id of an authorisation rule of the namespace of logs that its diagnostic setting sends with; empty: no log is read.')
param logsRuleId string = ''

@description('Optional. The hub of logs.')
param logsHub string = 'gateway-logs'

@description('Optional. Subjects with the name of the gateway. Choose subscription only where no two gateways share ids of subscriptions.')
param subjectScope 'subscription' | 'gateway' = 'gateway'

var openAiAccounts = union(map(openAiModels, one => one.accountId), [])
var anthropicAccounts = union(map(anthropicModels, one => one.accountId), [])
var modelAccounts = concat(map(openAiAccounts, id => { id: id, ofOthers: false }), map(anthropicAccounts, id => { id: id, ofOthers: true }))

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

module rolesAtHub 'modules/roles.bicep' = {
  scope: resourceGroup(split(usageNamespaceId, '/')[2], split(usageNamespaceId, '/')[4])
  params: {
    appPrincipalId: appPrincipalId
    gatewayPrincipalId: service.identity.principalId
    usageNamespaceName: last(split(usageNamespaceId, '/'))
  }
}

module rolesAtModels 'modules/roles.bicep' = [for account in modelAccounts: {
  scope: resourceGroup(split(account.id, '/')[2], split(account.id, '/')[4])
  params: {
    appPrincipalId: appPrincipalId
    gatewayPrincipalId: service.identity.principalId
    modelAccountName: last(split(account.id, '/'))
    modelsOfOthers: account.ofOthers
  }
}]

module gateway 'modules/gateway.bicep' = {
  params: {
    serviceName: serviceName
    usageHost: usageHost
    usageHub: usageHub
    apiUrl: apiUrl
    apiAudience: apiAudience
    admission: admission
    countStreams: false
    subjectScope: subjectScope
    hasPool: length(openAiModels) > 1 || length(anthropicModels) > 1
    retries: max(1, max(length(openAiModels), length(anthropicModels)) - 1)
    openAiAudience: openAiAudience
    anthropicAudience: anthropicAudience
  }
  dependsOn: [
    rolesAtHub
  ]
}

module llmApis 'modules/llm-apis.bicep' = {
  params: {
    serviceName: serviceName
    monitorLoggerId: empty(logsRuleId) ? '' : '${service.id}/loggers/azuremonitor'
    openAi: openAiModels
    openAiPath: openAiPath
    anthropic: anthropicModels
    anthropicPath: anthropicPath
    products: products
  }
  dependsOn: [
    gateway
    rolesAtModels
  ]
}

module balanceApi 'modules/balance-api.bicep' = {
  params: {
    serviceName: serviceName
    path: balancePath
    products: products
  }
  dependsOn: [
    gateway
    llmApis
  ]
}

module gatewayLogs 'modules/gateway-logs.bicep' = if (!empty(logsRuleId)) {
  params: {
    serviceName: serviceName
    logsRuleId: logsRuleId
    logsHub: logsHub
    recoverUsage: false
  }
}
