using 'main.bicep'

// For a trial: billed by use, short retention, every subscription gets a tenant.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION', 'swedencentral')
param operatorPrincipalIds = empty(readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')) ? [] : [readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')]
// azd in a pipeline is a service principal: then ServicePrincipal.
param operatorKind = readEnvironmentVariable('METERING_OPERATOR_KIND', 'User')

param apiManagementSku = 'BasicV2'
param publisherEmail = readEnvironmentVariable('METERING_PUBLISHER_EMAIL', 'nobody@example.com')
// Such as [{"url": "https://contoso.openai.azure.com/openai", "accountId": "/subscriptions/…/accounts/contoso"}].
param openAiModels = json(readEnvironmentVariable('METERING_OPENAI_MODELS', '[]'))

param cosmosCapacity = 'serverless'
param cosmosBackup = 'Continuous7Days'
param partitions = 4
param maximumThroughputUnits = 2
param storageRedundancy = 'LRS'
param captureDays = 30
// A test installation can be taken down.
param anchorsImmutableDays = 0
param unknownSubscription = 'auto'

param alertEmails = empty(readEnvironmentVariable('METERING_ALERT_EMAIL', '')) ? [] : [readEnvironmentVariable('METERING_ALERT_EMAIL', '')]
param budgetAmount = 700
param budgetStart = readEnvironmentVariable('METERING_BUDGET_START', '')
