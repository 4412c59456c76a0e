metadata description = 'An identity that exists: its ids.'

@description('Required. Its name.')
param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: name
}

@description('Client id.')
output clientId string = identity.properties.clientId

@description('Object id.')
output principalId string = identity.properties.principalId
