metadata description = 'GET /metering/balance at the gateway: a caller sees what its own subscription has used.'

import { productDefinition } from 'types.bicep'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. The products whose subscriptions may ask.')
param products productDefinition[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'metering-balance'
  properties: {
    displayName: 'Metering'
    path: 'metering'
    protocols: ['https']
    subscriptionRequired: true
    subscriptionKeyParameterNames: {
      header: 'api-key'
      query: 'subscription-key'
    }
  }
}

resource balance 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' = {
  parent: api
  name: 'balance'
  properties: {
    displayName: 'What has been used, and what it comes to'
    method: 'GET'
    urlTemplate: '/balance'
  }
}

resource policy 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = {
  parent: balance
  name: 'policy'
  properties: {
    format: 'rawxml'
    value: loadTextContent('../policies/apis/balance.xml')
  }
}

module links 'product-apis.bicep' = [for product in products: {
  name: 'metering-balance-${product.name}'
  params: {
    serviceName: serviceName
    productName: product.name
    apiNames: [api.name]
  }
}]
