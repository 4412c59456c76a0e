metadata description = 'Switch three of three for the log of language models: from API Management to the hub.'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. Resource id of the rule of the namespace that logs are sent with.')
param logsRuleId string

@description('Required. The hub of gateway logs.')
param logsHub string

@description('Optional. Whether requests are logged too: usage that no policy reported is recovered from it, at about 17 request units for every request.')
param recoverUsage bool = false

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource setting 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'metering'
  scope: service
  properties: {
    eventHubAuthorizationRuleId: logsRuleId
    eventHubName: logsHub
    logs: [
      { category: 'GatewayLlmLogs', enabled: true }
      { category: 'GatewayLogs', enabled: recoverUsage }
    ]
  }
}
