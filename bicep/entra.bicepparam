using 'entra.bicep'

// Ids and hosts as lists with commas. Deployed after main.bicep, whose outputs name host and gateway.
param hosts = split(readEnvironmentVariable('METERING_HOSTS'), ',')
param operators = split(readEnvironmentVariable('METERING_OPERATORS_GROUP'), ',')
param gateways = split(readEnvironmentVariable('GATEWAY_PRINCIPAL_ID'), ',')
// The Azure CLI: operators ask for tokens with it.
param clients = split(readEnvironmentVariable('METERING_CLIENTS', '04b07795-8ddb-461a-bbee-02f9e1bf7b46'), ',')
