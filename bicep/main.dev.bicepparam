using 'main.bicep'

// For trying it out: pays for what is used, keeps little, lets everybody in.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param operatorPrincipalIds = empty(readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')) ? [] : [readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')]
param operatorKind = 'User'

param apiManagementSku = 'BasicV2'
param publisherEmail = readEnvironmentVariable('METERING_PUBLISHER_EMAIL', 'nobody@example.com')
param openAiUrl = readEnvironmentVariable('METERING_OPENAI_URL', '')

param cosmosCapacity = 'serverless'
param cosmosBackup = 'Continuous7Days'
param partitions = 4
param maximumThroughputUnits = 2
param storageRedundancy = 'LRS'
param captureDays = 30
param unknownSubscription = 'auto'
