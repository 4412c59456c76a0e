using 'main.bicep'

// For bills: a network of its own, zones, a second region, locks, instances that are always there.
// A variable without a second argument must be set; '' where the text allows it says "none" on purpose.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param operatorPrincipalIds = [readEnvironmentVariable('METERING_OPERATORS_GROUP')]

// '': a new gateway, in the network. An existing one must reach the network first: 'true' confirms it.
param apiManagementId = readEnvironmentVariable('METERING_APIM_ID')
param apiManagementLocation = readEnvironmentVariable('METERING_APIM_LOCATION', readEnvironmentVariable('AZURE_LOCATION', 'swedencentral'))
param gatewayReachesNetwork = bool(readEnvironmentVariable('METERING_GATEWAY_REACHES_NETWORK', 'false'))
param apiManagementSku = 'StandardV2'
param publisherEmail = readEnvironmentVariable('METERING_PUBLISHER_EMAIL')
// '[]': none. Else [{"url": "https://…", "accountId": "/subscriptions/…"}], with "priority" and "weight" for a pool.
param openAiModels = json(readEnvironmentVariable('METERING_OPENAI_MODELS'))
param anthropicModels = json(readEnvironmentVariable('METERING_ANTHROPIC_MODELS'))
// '': nobody signs in yet. Then an output of entra.bicep, which is deployed after this, and this once more.
param apiClientId = readEnvironmentVariable('METERING_API_CLIENT_ID')
param admission = 'fail-open'

param cosmosZoneRedundant = true
// '': no second region.
param cosmosSecondLocation = readEnvironmentVariable('METERING_SECOND_LOCATION')
param cosmosLedgersThousands = 20
// As many instances as partitions count usage at most, and partitions cannot be changed.
param partitions = 32
param maximumThroughputUnits = 20
param storageRedundancy = 'GZRS'
param alwaysReady = [
  { name: 'function:ingest_usage', instanceCount: 2 }
  { name: 'http', instanceCount: 2 }
]

param privateNetwork = true
param locks = true
param audit = 'control'
param anchorsImmutableDays = 3653
param alertEmails = [readEnvironmentVariable('METERING_ALERT_EMAIL')]
param budgetAmount = 2000
// '': no budget. Else the first day of the month of the first deployment, YYYY-MM-01, for good.
param budgetStart = readEnvironmentVariable('METERING_BUDGET_START')
