metadata description = 'GET /metering/balance at the gateway: a caller sees what its own subscription has used.'

import { productDefinition } from 'types.bicep'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Optional. Path of the API; no other API of the service may have it.')
param path string = 'metering'

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
    description: 'Usage and balance of the subscription of the caller.'
    path: path
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
    displayName: 'Usage and balance of the present period'
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

// One after the other: linking locks the API and the product.
@batchSize(1)
module links 'product-apis.bicep' = [for product in products: {
  params: {
    serviceName: serviceName
    productName: product.name
    apiNames: [api.name]
  }
}]
