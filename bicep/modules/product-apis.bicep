metadata description = 'Puts APIs into one product.'

@description('Required. Name of the API Management service.')
param serviceName string

@description('Required. Id of the product.')
param productName string

@description('Required. Ids of the APIs.')
param apiNames string[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource product 'Microsoft.ApiManagement/service/products@2024-05-01' existing = {
  parent: service
  name: productName
}

// One after the other: API Management locks a product while an API is linked to it.
@batchSize(1)
resource links 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = [for api in apiNames: {
  parent: product
  name: api
}]
