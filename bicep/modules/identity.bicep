metadata description = 'The identities: one runs the function app, one lets Event Hubs write Capture files.'

import { tagSet } from 'types.bicep'

@description('Required. Where they are.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-metering-${suffix}'
  location: location
  tags: tags
}

// Apart from the app's: the writer of the raw copy can read nothing and change no ledger.
resource capture 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-metering-capture-${suffix}'
  location: location
  tags: tags
}

@description('Client id of the identity of the function app.')
output appClientId string = app.properties.clientId

@description('Object id of the identity of the function app.')
output appPrincipalId string = app.properties.principalId

@description('Object id of the identity of Capture.')
output capturePrincipalId string = capture.properties.principalId
