metadata description = 'Who is told of alerts.'

import { tagSet } from 'types.bicep'

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Required. Who gets mail.')
param emails string[]

resource group 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-metering-${suffix}'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'metering'
    enabled: true
    emailReceivers: [for (email, i) in emails: {
      name: 'operator-${i}'
      emailAddress: email
      useCommonAlertSchema: true
    }]
  }
}

@description('Resource id.')
output id string = group.id
