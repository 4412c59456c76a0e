metadata description = 'The workbook of workbook.json: what the functions count, over time.'

@description('Required. Where it is; that of Application Insights.')
param location string

@description('Required. Tags.')
param tags object

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
    serializedData: loadTextContent('../workbook.json')
  }
}

@description('Resource id of the workbook.')
output workbookId string = workbook.id
