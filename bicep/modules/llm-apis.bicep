metadata description = 'The APIs in front of the models: operations with their policies, the log of language models, products.'

import { modelBackend, productDefinition } from 'types.bicep'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. Resource id of the logger of Azure Monitor; empty: no log of language models.')
param monitorLoggerId string

@description('Optional. Endpoints of OpenAI models; empty: no API is made for them.')
param openAi modelBackend[] = []

@description('Optional. Path of their API; no other API of the service may have it.')
param openAiPath string = 'openai'

@description('Optional. Endpoints of Anthropic models; empty: no API is made for them. Only v2 tiers count their streams.')
param anthropic modelBackend[] = []

@description('Optional. Path of their API; no other API of the service may have it.')
param anthropicPath string = 'anthropic'

@description('Required. The products; each holds every API.')
param products productDefinition[]

// A row for each API: callers send their key in the header that their client library uses.
var openAiApi = { name: 'metering-openai', path: openAiPath, title: 'OpenAI models', keyHeader: 'api-key', policy: loadTextContent('../policies/apis/openai.xml') }
var anthropicApi = { name: 'metering-anthropic', path: anthropicPath, title: 'Anthropic models', keyHeader: 'x-api-key', policy: loadTextContent('../policies/apis/anthropic.xml') }

var apis = concat(empty(openAi) ? [] : [openAiApi], empty(anthropic) ? [] : [anthropicApi])

// A row for each backend. Policies name the pool, or the only backend, by the name of the API.
var openAiBackends = [for (one, i) in openAi: { name: length(openAi) == 1 ? 'metering-openai' : 'metering-openai-${i + 1}', pool: 'metering-openai', url: one.url, priority: one.?priority ?? 1, weight: one.?weight ?? 1 }]
var anthropicBackends = [for (one, i) in anthropic: { name: length(anthropic) == 1 ? 'metering-anthropic' : 'metering-anthropic-${i + 1}', pool: 'metering-anthropic', url: one.url, priority: one.?priority ?? 1, weight: one.?weight ?? 1 }]
var backends = concat(openAiBackends, anthropicBackends)
var pools = concat(length(openAi) > 1 ? ['metering-openai'] : [], length(anthropic) > 1 ? ['metering-anthropic'] : [])

var chatCompletions = loadTextContent('../policies/chat-completions.xml')
var embeddings = loadTextContent('../policies/embeddings.xml')
var responses = loadTextContent('../policies/responses.xml')
var openAiV1 = loadTextContent('../policies/openai-v1.xml')
var anthropicMessages = loadTextContent('../policies/anthropic-messages.xml')

// Requests that ask no model (GET, DELETE) pass the same policies, which make no event for them.
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

var operations = concat(empty(openAi) ? [] : openAiOperations, empty(anthropic) ? [] : anthropicOperations)

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

// Of a pool, each trips alone: for as long as its Retry-After says, requests go to the others.
resource each 'Microsoft.ApiManagement/service/backends@2024-05-01' = [for backend in backends: {
  parent: service
  name: backend.name
  properties: {
    type: 'Single'
    url: backend.url
    protocol: 'http'
    circuitBreaker: backend.name == backend.pool ? null : {
      rules: [
        {
          name: 'busy'
          failureCondition: {
            count: 1
            interval: 'PT10S'
            statusCodeRanges: [
              { min: 429, max: 429 }
              { min: 503, max: 503 }
            ]
          }
          tripDuration: 'PT10S'
          acceptRetryAfter: true
        }
      ]
    }
    tls: {
      validateCertificateChain: true
      validateCertificateName: true
    }
  }
}]

resource pooled 'Microsoft.ApiManagement/service/backends@2024-05-01' = [for pool in pools: {
  parent: service
  name: pool
  properties: {
    type: 'Pool'
    pool: {
      services: map(filter(backends, one => one.pool == pool), one => {
        id: '${service.id}/backends/${one.name}'
        priority: one.priority
        weight: one.weight
      })
    }
  }
  dependsOn: [
    each
  ]
}]

resource made 'Microsoft.ApiManagement/service/apis@2024-05-01' = [for api in apis: {
  parent: service
  name: api.name
  properties: {
    displayName: api.title
    description: '${api.title}, metered.'
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
  parent: made[i]
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: api.policy
  }
  dependsOn: [
    each
    pooled
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
    made
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
resource logged 'Microsoft.ApiManagement/service/apis/diagnostics@2024-06-01-preview' = [for (api, i) in apis: if (!empty(monitorLoggerId)) {
  parent: made[i]
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
    description: product.?description ?? 'Language models. Each request is metered and billed to the tenant of the subscription.'
    terms: product.?terms ?? ''
    subscriptionRequired: true
    approvalRequired: product.?approvalRequired ?? true
    state: 'published'
  }
}]

// One after the other: linking locks the API and the product.
@batchSize(1)
module links 'product-apis.bicep' = [for (product, i) in products: {
  params: {
    serviceName: serviceName
    productName: sold[i].name
    apiNames: map(apis, api => api.name)
  }
  dependsOn: [
    made
  ]
}]
