metadata description = 'What every policy at the gateway needs: the logger, named values and fragments.'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. Host of the namespace of usage events.')
param usageHost string

@description('Required. The hub of usage events.')
param usageHub string

@description('Required. Address of the metering API, without a slash at the end.')
param apiUrl string

@description('Required. What the gateway asks a token of the metering API for.')
param apiAudience string

@description('Optional. Who is let through when the metering API does not answer; off: it is not asked.')
param admission 'off' | 'fail-open' | 'fail-closed' = 'fail-open'

@description('Optional. Whether chat streams are asked for their usage.')
param countStreams bool = false

@description('Optional. The request header that names the use case.')
param useCaseHeader string = 'x-use-case'

@description('Optional. The request header that names the end user.')
param endUserHeader string = 'x-end-user'

@description('Optional. The request header that names the agent or application of the tenant.')
param agentHeader string = 'x-agent'

@description('Optional. The claim of a validated token that names the agent, before the header does.')
param agentClaim string = 'none'

@description('Optional. The request header that names the session.')
param sessionHeader string = 'x-session'

@description('Optional. The claim of a validated token that names the session, before the header does.')
param sessionClaim string = 'none'

@description('Optional. Whether subjects carry the name of the gateway: two gateways may have subscriptions with the same id.')
param subjectScope 'subscription' | 'gateway' = 'subscription'

@description('Optional. Further attempts after 429 and 503, at another backend of the pool.')
@minValue(1)
@maxValue(50)
param retries int = 1

@description('Optional. Whether there is another backend for a further attempt.')
param hasPool bool = false

@description('Required. What the gateway asks a token of OpenAI models for.')
param openAiAudience string

@description('Required. What the gateway asks a token of Anthropic models for.')
param anthropicAudience string

var values = {
  'metering-logger': 'metering-usage'
  'metering-admission': admission
  'metering-api': apiUrl
  'metering-api-audience': apiAudience
  'metering-subject-scope': subjectScope
  'metering-retry': hasPool ? 'true' : 'false'
  'metering-retries': string(retries)
  'metering-count-streams': countStreams ? 'true' : 'false'
  // The APIs made here overwrite the bearer token before it is read: see bicep/README.md.
  'metering-trust-bearer': 'false'
  'metering-use-case-header': useCaseHeader
  'metering-end-user-header': endUserHeader
  'metering-agent-header': agentHeader
  'metering-agent-claim': agentClaim
  'metering-session-header': sessionHeader
  'metering-session-claim': sessionClaim
  'metering-openai-audience': openAiAudience
  'metering-anthropic-audience': anthropicAudience
}

var fragments = {
  'metering-read-request': loadTextContent('../policies/fragments/read-request.xml')
  'metering-ask-admission': loadTextContent('../policies/fragments/ask-admission.xml')
  'metering-decide-admission': loadTextContent('../policies/fragments/decide-admission.xml')
  'metering-limit-rate': loadTextContent('../policies/fragments/limit-rate.xml')
  'metering-downgrade': loadTextContent('../policies/fragments/downgrade.xml')
  'metering-refuse': loadTextContent('../policies/fragments/refuse.xml')
  'metering-count-streams': loadTextContent('../policies/fragments/count-streams.xml')
  'metering-emit-usage': loadTextContent('../policies/fragments/emit-usage.xml')
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource usageLogger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'metering-usage'
  properties: {
    loggerType: 'azureEventHub'
    description: 'Usage events, as the identity of the gateway'
    credentials: {
      name: usageHub
      endpointAddress: usageHost
      identityClientId: 'systemAssigned'
    }
    isBuffered: true
  }
}

// Switch one of three for the log of language models; the others are in llm-apis.bicep and gateway-logs.bicep.
resource monitorLogger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'azuremonitor'
  properties: {
    loggerType: 'azureMonitor'
    isBuffered: true
  }
}

resource named 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = [for item in items(values): {
  parent: service
  name: item.key
  properties: {
    displayName: item.key
    value: item.value
    secret: false
  }
}]

resource shared 'Microsoft.ApiManagement/service/policyFragments@2024-05-01' = [for item in items(fragments): {
  parent: service
  name: item.key
  properties: {
    format: 'rawxml'
    value: item.value
  }
  dependsOn: [
    named
    usageLogger
  ]
}]

@description('Resource id of the logger of Azure Monitor, for diagnostics of APIs.')
output monitorLoggerId string = monitorLogger.id
