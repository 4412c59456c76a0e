metadata description = 'API Management: a new service of a v2 tier, or one that is there.'

import { tagSet } from 'types.bicep'

@description('Required. Name of the service.')
param name string

@description('Required. Whether it is made; otherwise it is there.')
param isNew bool

@description('Required. Where it is made.')
param location string

@description('Required. Tags.')
param tags tagSet

@description('Optional. Tier of a new one. Only v2 tiers count the streams of Anthropic models.')
param sku 'BasicV2' | 'StandardV2' | 'PremiumV2' = 'BasicV2'

@description('Optional. Units of a new one.')
@minValue(1)
param units int = 1

@description('Required. Who gets the mail of a new one.')
param publisherEmail string

@description('Required. Whose a new one is.')
param publisherName string

@description('Optional. Subnet through which a new one reaches hubs and models; needs StandardV2 or PremiumV2.')
param subnetId string = ''

resource made 'Microsoft.ApiManagement/service@2024-05-01' = if (isNew) {
  // checkov:skip=CKV_AZURE_107: it is where callers come in; networks are the parameter subnetId
  // checkov:skip=CKV_AZURE_174: the same
  // checkov:skip=CKV_AZURE_173: ciphers of v2 tiers are Microsoft's, and none of the old ones is left
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    capacity: units
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    publisherEmail: publisherEmail
    publisherName: publisherName
    apiVersionConstraint: {
      minApiVersion: '2021-08-01'
    }
    virtualNetworkType: empty(subnetId) ? 'None' : 'External'
    virtualNetworkConfiguration: empty(subnetId) ? null : {
      subnetResourceId: subnetId
    }
  }
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = if (!isNew) {
  name: name
}

@description('Object id of its system-assigned identity, which it must have.')
output principalId string = isNew ? made!.identity.principalId : service!.identity.principalId

@description('Address that callers use.')
output gatewayUrl string = isNew ? made!.properties.gatewayUrl : service!.properties.gatewayUrl
