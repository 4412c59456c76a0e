metadata description = 'The workbook of workbook.json: what the functions count, over time.'

import { tagSet } from 'types.bicep'

@description('Required. Where it is; that of Application Insights.')
param location string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource id of Application Insights, where it is found.')
param applicationInsightsId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(applicationInsightsId, 'metering')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Metering'
    description: 'Lag, answers, streams, prices, effects, periods, admission and the store.'
    category: 'workbook'
    sourceId: applicationInsightsId
    version: 'Notebook/1.0'
    // From a share link or a pin, queries go to this component.
    serializedData: string(union(loadJsonContent('../workbook.json'), { fallbackResourceIds: [applicationInsightsId] }))
  }
}
