metadata description = 'The APIs in front of the models: operations with their policies, the log of language models, products.'

import { productDefinition } from 'types.bicep'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. Resource id of the logger of Azure Monitor.')
param monitorLoggerId string

@description('Optional. Where OpenAI models are, such as https://contoso.openai.azure.com/openai; empty: none.')
param openAiUrl string = ''

@description('Optional. Where Anthropic models are, such as https://contoso.services.ai.azure.com/anthropic; empty: none. Only v2 tiers.')
param anthropicUrl string = ''

@description('Required. What callers subscribe to; each holds every API.')
param products productDefinition[]

// A row for each API: callers send their key in the header that their client library uses.
var openAi = { name: 'metering-openai', path: 'openai', url: openAiUrl, keyHeader: 'api-key', policy: loadTextContent('../policies/apis/openai.xml') }
var anthropic = { name: 'metering-anthropic', path: 'anthropic', url: anthropicUrl, keyHeader: 'x-api-key', policy: loadTextContent('../policies/apis/anthropic.xml') }

var apis = concat(empty(openAiUrl) ? [] : [openAi], empty(anthropicUrl) ? [] : [anthropic])

var chatCompletions = loadTextContent('../policies/chat-completions.xml')
var embeddings = loadTextContent('../policies/embeddings.xml')
var responses = loadTextContent('../policies/responses.xml')
var openAiV1 = loadTextContent('../policies/openai-v1.xml')
var anthropicMessages = loadTextContent('../policies/anthropic-messages.xml')

// What asks no model (GET, DELETE) passes the same policies, which make no event of it.
var openAiOperations = [
  { api: 'metering-openai', name: 'chat-completions', method: 'POST', path: '/deployments/{deployment-id}/chat/completions', policy: chatCompletions }
  { api: 'metering-openai', name: 'embeddings', method: 'POST', path: '/deployments/{deployment-id}/embeddings', policy: embeddings }
  { api: 'metering-openai', name: 'responses', method: 'POST', path: '/responses', policy: responses }
  { api: 'metering-openai', name: 'responses-post', method: 'POST', path: '/responses/*', policy: responses }
  { api: 'metering-openai', name: 'responses-get', method: 'GET', path: '/responses/*', policy: responses }
  { api: 'metering-openai', name: 'responses-delete', method: 'DELETE', path: '/responses/*', policy: responses }
  { api: 'metering-openai', name: 'v1-post', method: 'POST', path: '/v1/*', policy: openAiV1 }
  { api: 'metering-openai', name: 'v1-get', method: 'GET', path: '/v1/*', policy: openAiV1 }
  { api: 'metering-openai', name: 'v1-delete', method: 'DELETE', path: '/v1/*', policy: openAiV1 }
]

var anthropicOperations = [
  { api: 'metering-anthropic', name: 'messages', method: 'POST', path: '/v1/messages', policy: anthropicMessages }
  { api: 'metering-anthropic', name: 'count-tokens', method: 'POST', path: '/v1/messages/count_tokens', policy: anthropicMessages }
]

var operations = concat(empty(openAiUrl) ? [] : openAiOperations, empty(anthropicUrl) ? [] : anthropicOperations)

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource backends 'Microsoft.ApiManagement/service/backends@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  properties: {
    url: api.url
    protocol: 'http'
    tls: {
      validateCertificateChain: true
      validateCertificateName: true
    }
  }
}]

resource each 'Microsoft.ApiManagement/service/apis@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  properties: {
    displayName: api.name
    path: api.path
    protocols: ['https']
    subscriptionRequired: true
    subscriptionKeyParameterNames: {
      header: api.keyHeader
      query: 'subscription-key'
    }
  }
}]

resource above 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = [for (api, i) in apis: {
  parent: each[i]
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: api.policy
  }
  dependsOn: [
    backends
  ]
}]

resource doors 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = [for operation in operations: {
  name: '${serviceName}/${operation.api}/${operation.name}'
  properties: {
    displayName: operation.name
    method: operation.method
    urlTemplate: operation.path
    templateParameters: contains(operation.path, '{deployment-id}') ? [
      { name: 'deployment-id', type: 'string', required: true }
    ] : []
  }
  dependsOn: [
    each
  ]
}]

resource policies 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = [for (operation, i) in operations: {
  parent: doors[i]
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: operation.policy
  }
}]

// Switch two of three for the log of language models. No message is asked for: counts are enough,
// and a request is then one record.
resource logged 'Microsoft.ApiManagement/service/apis/diagnostics@2024-06-01-preview' = [for (api, i) in apis: {
  parent: each[i]
  name: 'azuremonitor'
  properties: {
    loggerId: monitorLoggerId
    alwaysLog: 'allErrors'
    logClientIp: false
    verbosity: 'information'
    sampling: {
      samplingType: 'fixed'
      percentage: 100
    }
    largeLanguageModel: {
      logs: 'enabled'
    }
  }
}]

resource sold 'Microsoft.ApiManagement/service/products@2024-05-01' = [for product in products: {
  parent: service
  name: product.name
  properties: {
    displayName: product.displayName
    subscriptionRequired: true
    approvalRequired: product.?approvalRequired ?? true
    state: 'published'
  }
}]

module links 'product-apis.bicep' = [for (product, i) in products: {
  name: 'metering-product-${product.name}'
  params: {
    serviceName: serviceName
    productName: sold[i].name
    apiNames: concat(empty(openAiUrl) ? [] : [openAi.name], empty(anthropicUrl) ? [] : [anthropic.name])
  }
  dependsOn: [
    each
  ]
}]
