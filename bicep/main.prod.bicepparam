using 'main.bicep'

// For bills: a network of its own, zones, a second region, instances that are always there.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param operatorPrincipalIds = [readEnvironmentVariable('METERING_OPERATORS_GROUP')]

param apiManagementId = readEnvironmentVariable('METERING_APIM_ID', '')
param apiManagementSku = 'StandardV2'
param publisherEmail = readEnvironmentVariable('METERING_PUBLISHER_EMAIL')
param openAiUrl = readEnvironmentVariable('METERING_OPENAI_URL', '')
param anthropicUrl = readEnvironmentVariable('METERING_ANTHROPIC_URL', '')
// Of `metering azure setup-identity`, which is run before, and again with --host and --gateway after.
param apiClientId = readEnvironmentVariable('METERING_API_CLIENT_ID')
param admission = 'fail-open'

param cosmosZoneRedundant = true
param cosmosSecondLocation = readEnvironmentVariable('METERING_SECOND_LOCATION', '')
param cosmosLedgersThroughput = 20000
// As many instances as partitions count usage at most, and partitions cannot be changed.
param partitions = 32
param maximumThroughputUnits = 20
param storageRedundancy = 'GZRS'
param alwaysReady = [
  { name: 'function:ingest_usage', instanceCount: 2 }
  { name: 'http', instanceCount: 2 }
]

param privateNetwork = true
param alertEmails = [readEnvironmentVariable('METERING_ALERT_EMAIL')]
param budgetAmount = 2000
param budgetStart = readEnvironmentVariable('METERING_BUDGET_START', '')
