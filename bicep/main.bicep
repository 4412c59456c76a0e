targetScope = 'subscription'

metadata description = 'Metering and billing of language models behind API Management. This file only composes; bicep/README.md explains the parameters.'

import { alwaysReadyGroup, digestTerms, encryptionKey, invoiceTerms, modelBackend, networkDefinition, principalKind, productDefinition, tagSet } from 'modules/types.bicep'

// ------------------------------------------------------------------ where

@description('Required. Name of this installation, such as prod: letters, digits and hyphens; part of the names of its resources.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Required. Where it is. The region must have Flex Consumption.')
param location string

@description('Optional. Resource group that is made for it.')
param resourceGroupName string = 'rg-metering-${environmentName}'

@description('Optional. Tags of everything.')
param tags tagSet = {}

// ---------------------------------------------------------------- gateway

@description('Optional. Resource id of the API Management service to use, with a system-assigned identity; empty: a new one is made.')
param apiManagementId string = ''

@description('Conditional. Region of that service, if it is another one: Azure Monitor sends its logs to hubs of that region only.')
param apiManagementLocation string = location

@description('Conditional. With privateNetwork and an existing service: confirms that the service is integrated with, or peered to, a network that reaches the private endpoints and resolves their names. Without that its usage events are lost, and requests are answered all the same.')
param gatewayReachesNetwork bool = false

@description('Optional. Tier of a new service. A network of its own needs StandardV2 or PremiumV2.')
param apiManagementSku 'BasicV2' | 'StandardV2' | 'PremiumV2' = 'BasicV2'

@description('Optional. Units of a new service.')
@minValue(1)
param apiManagementUnits int = 1

@description('Conditional. Mail address of the publisher of a new service.')
param publisherEmail string = ''

@description('Conditional. Name of the publisher of a new service.')
param publisherName string = 'Metering'

@description('Optional. Endpoints of OpenAI models, with the accounts that serve them; empty: no API is made for them. Several form a pool.')
param openAiModels modelBackend[] = []

@description('Optional. Path of the API of OpenAI models; no other API of the service may have it.')
param openAiPath string = 'openai'

@description('Optional. Audience of the tokens that the gateway shows OpenAI models; it goes by the host.')
param openAiAudience string = 'https://cognitiveservices.azure.com'

@description('Optional. Endpoints of Anthropic models, with the accounts that serve them; empty: no API is made for them. Only v2 tiers count their streams.')
param anthropicModels modelBackend[] = []

@description('Optional. Path of the API of Anthropic models; no other API of the service may have it.')
param anthropicPath string = 'anthropic'

@description('Optional. Audience of the tokens that the gateway shows Anthropic models.')
param anthropicAudience string = 'https://ai.azure.com'

@description('Optional. Path of the API of balances; no other API of the service may have it.')
param balancePath string = 'metering'

@description('Optional. Whether subjects carry the name of the gateway. Decide before the first request: it changes the subject of every subscription.')
param subjectScope 'subscription' | 'gateway' = 'subscription'

@description('Optional. The products that callers subscribe to.')
param products productDefinition[] = [
  { name: 'llm', displayName: 'Language models' }
]

@description('Optional. Whether requests pass when the metering API does not answer; off: it is not asked, and quotas only notify.')
param admission 'off' | 'fail-open' | 'fail-closed' = 'off'

@description('Optional. Whether chat streams are asked for their usage.')
param countStreams bool = false

@description('Optional. Whether the log of language models is read. Without it streams have no counts, and there is no namespace with keys.')
param readLogs bool = true

@description('Optional. The longest wait at the end of a batch of events, in which the next one gathers: such as 500ms or 2s; 0: none. It makes commits fewer and balances older by at most as much.')
param batchWait string = '2s'

@description('Optional. Whether usage that no policy reported is recovered from the log of requests; for gateways with APIs that lack the policy.')
param recoverUsage bool = false

@description('Optional. Whether subscriptions of tenants that are blocked are suspended. Read docs/operations.md first.')
param suspendSubscriptions bool = false

@description('Conditional. With suspendSubscriptions: resource id of a role that may read and write subscriptions; empty: a custom role is made, which takes Owner or User Access Administrator.')
param suspendingRoleId string = ''

// --------------------------------------------------------------- identity

@description('Optional. Object ids of the operators: people, or rather a group of them.')
param operatorPrincipalIds string[] = []

@description('Optional. Kind of these identities.')
param operatorKind principalKind = 'Group'

@description('Optional. Rights of operators at the store.')
param operatorCosmosRole 'reader' | 'contributor' = 'contributor'

@description('Optional. Client id of the Entra application of the metering API, an output of entra.bicep; empty: nobody can sign in.')
param apiClientId string = ''

@description('Optional. Audience that the gateway asks tokens of the metering API for: the output METERING_API_AUDIENCE of entra.bicep.')
param apiAudience string = empty(apiClientId) ? 'api://metering' : 'api://${tenant().tenantId}/metering'

// ------------------------------------------------------------------- size

@description('Optional. Billing of Cosmos DB: by request, or by a rate that scales.')
param cosmosCapacity 'serverless' | 'autoscale' = 'autoscale'

@description('Optional. Name of the Cosmos DB account, where it is another than cosmos- and the suffix: one that was restored (docs/runbook/store.md).')
@maxLength(44)
param cosmosAccountName string = ''

@description('Optional. Resource id of a Cosmos DB account that exists; empty: one is made. Its settings stay as they are.')
param cosmosAccountId string = ''

@description('Optional. With autoscale: thousands of request units a second at most for ledgers.')
@minValue(1)
param cosmosLedgersThousands int = 10

@description('Optional. With autoscale: thousands of request units a second at most for everything else.')
@minValue(1)
param cosmosThousands int = 4

@description('Optional. Whether Cosmos DB is spread over zones.')
param cosmosZoneRedundant bool = false

@description('Optional. A second region of Cosmos DB; empty: none.')
param cosmosSecondLocation string = ''

@description('Optional. Whether the second region is spread over zones; a region without zones refuses it.')
param cosmosSecondZoneRedundant bool = cosmosZoneRedundant

@description('Optional. How far back the store can be restored.')
param cosmosBackup 'Continuous7Days' | 'Continuous30Days' = 'Continuous30Days'

@description('Optional. Resource id of an Event Hubs namespace for usage events that exists, with a system-assigned identity; empty: one is made.')
param usageNamespaceId string = ''

@description('Optional. Partitions of each hub. They cannot be changed later.')
@minValue(1)
@maxValue(32)
param partitions int = 8

@description('Optional. Throughput units of a hub at most.')
@minValue(1)
@maxValue(40)
param maximumThroughputUnits int = 10

@description('Optional. Rights of the diagnostic setting at the namespace of logs.')
param logsRights ('Send' | 'Listen' | 'Manage')[] = ['Send']

@description('Optional. Instances that are never scaled away.')
param alwaysReady alwaysReadyGroup[] = []

@description('Optional. Instances at most, of all groups of functions together.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Optional. Requests over HTTP that one instance answers at a time.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 32

@description('Optional. Whether instances are spread over zones; alwaysReady then needs two of each group (docs/adr/0015-deployment.md).')
param appZoneRedundant bool = false

@description('Optional. Resource id of the identity that the app runs as; empty: one is made.')
param appIdentityId string = ''

@description('Optional. Resource id of a storage account for raw copy and exports that exists; empty: one is made. Its settings stay as they are.')
param dataAccountId string = ''

@description('Optional. Copies of each file.')
param storageRedundancy 'LRS' | 'ZRS' | 'GRS' | 'GZRS' = 'ZRS'

@description('Optional. Days that Capture files are kept. Events older than 400 days are not accepted again.')
@minValue(1)
param captureDays int = 400

@description('Optional. Days that a version of an export can be neither changed nor deleted; 0: not protected. Only at the first deployment of the container.')
@minValue(0)
param exportsImmutableDays int = 0

@description('Optional. Days that an anchor can be neither changed nor deleted; 0: not protected. Only at the first deployment of the container.')
@minValue(0)
param anchorsImmutableDays int = 400

@description('Optional. A key of the customer that store and files are encrypted with. Event Hubs Standard has none. Only at the first deployment.')
param encryption encryptionKey?

@description('Optional. Whether locks keep store and files from being deleted.')
param locks bool = false

// --------------------------------------------------------------- operation

@description('Optional. Whether usage of a subscription without a tenant waits, or makes a tenant of its own.')
param unknownSubscription 'reject' | 'auto' = 'reject'

@description('Optional. Whether producers that are bound to no subjects and sources may report for all of them.')
param unboundProducers 'refuse' | 'accept' = 'refuse'

@description('Optional. Whether requests to deployments of an unknown model pass where limits depend on it.')
param unknownDeployments 'by_plan' | 'allow' | 'block' = 'by_plan'

@description('Optional. What is delivered to the container of exports on a schedule, such as chargeback=daily; empty: nothing.')
param exportSchedule string = ''

@description('Optional. Issuer of the statements, as exports name it.')
param issuerName string = 'LLM platform'

@description('Optional. What invoices say, and how they are numbered and taxed.')
param invoices invoiceTerms = {
  series: ''
  since: ''
  address: ''
  taxId: ''
  paymentDays: '30'
  taxes: ''
  taxRounding: 'document'
  reverseChargeNote: ''
}

@description('Optional. Weekly digests, to the webhook and by mail.')
param digest digestTerms = {
  mode: 'off'
  recipients: ''
  mailEndpoint: ''
  mailSender: ''
}

@description('Optional. How long after its end a period is closed.')
param closeGrace string = '24h'

@description('Optional. How much longer it waits for counts and prices that are still to come.')
param closeWait string = '72h'

@description('Optional. Days that dead letters are kept.')
param deadLetterDays string = '90'

@description('Optional. Dead letters that an instance keeps in an hour of one sender, or off.')
param deadLettersAnHour string = '1000'

@description('Optional. Requests a second that one caller may make, or off.')
param rateLimit string = '300'

@description('Optional. Receiver of effects; empty: the log.')
param webhookUrl string = ''

@description('Conditional. Needed with webhookUrl: address of the secret in a key vault.')
param webhookSecretUri string = ''

@description('Conditional. Needed with webhookUrl: resource id of that key vault.')
param webhookVaultId string = ''

@description('Optional. Whether store, hubs and files are reached from a network only. A new gateway then needs StandardV2 or PremiumV2.')
param privateNetwork bool = false

@description('Optional. With privateNetwork: whether the metering API is reached from the network only, too.')
param privateApi bool = false

@description('Optional. Addresses of a new network.')
param networkAddressPrefix string = '10.80.0.0/22'

@description('Optional. Subnets of a network that exists; none: a network is made.')
param existingNetwork networkDefinition?

@description('Optional. Owner of the private DNS zones: made here, in one resource group of the landing zone, or written by a policy of it.')
param privateDns 'made' | 'central' | 'policy' = 'made'

@description('Conditional. With privateDns central: resource id of the resource group of the zones.')
param privateDnsGroupId string = ''

@description('Optional. Resource id of the Cosmos DB account of another installation, that this network reaches too (docs/runbook/region.md).')
param otherStoreId string = ''

@description('Optional. Resource id of a Log Analytics workspace that exists; empty: one is made.')
param workspaceId string = ''

@description('Optional. Azure\'s own record of changes, sent to the workspace: of what is managed, or of every read and write of the store too (docs/sizing.md has the price).')
param audit 'off' | 'control' | 'all' = 'off'

@description('Optional. Mail addresses for alerts and the budget; empty: alerts are only shown, and there is no budget.')
param alertEmails string[] = []

@description('Optional. Whether alerts are in force; off until the package is deployed.')
param alertsEnabled bool = true

@description('Optional. Budget of the installation a month, in the currency of the invoice; 0: none.')
param budgetAmount int = 0

@description('Conditional. Needed with budgetAmount: first day of the month in which the budget is made, YYYY-MM-01; it stays. Empty: no budget.')
param budgetStart string = ''

// ------------------------------------------------------------------ names

// Hubs and consumer groups as metering/local and the tests know them.
var usageHub = 'usage'
var logsHub = 'gateway-logs'
var consumerGroup = 'metering'
var databaseName = 'metering'
var packagesContainer = 'packages'
var captureContainer = 'capture'
var exportsContainer = 'exports'
var anchorsContainer = 'anchors'
// The Functions host keeps its checkpoints there; made here so that operators get a role on it alone.
var checkpointsContainer = 'azure-webjobs-eventhub'

// Refused here, before anything is changed, rather than halfway or, worse, never.
var letters = map(range(0, length(environmentName)), i => substring(toLower(environmentName), i, 1))
var otherLetters = filter(letters, letter => !contains('abcdefghijklmnopqrstuvwxyz0123456789-', letter))
// A row for each: what would go wrong, and the text of the error.
var checks = [
  { fails: !empty(otherLetters), text: 'environmentName: only letters, digits and hyphens' }
  { fails: privateNetwork && !empty(apiManagementId) && !gatewayReachesNetwork, text: 'gatewayReachesNetwork: with privateNetwork an existing gateway must reach the private endpoints, or every usage event is lost; docs/operations.md, step 4' }
  { fails: privateNetwork && empty(apiManagementId) && apiManagementSku == 'BasicV2', text: 'apiManagementSku: BasicV2 cannot join a network; take StandardV2 or PremiumV2' }
  { fails: privateNetwork && empty(apiManagementId) && !empty(existingNetwork) && empty(existingNetwork.?gatewaySubnetId), text: 'existingNetwork.gatewaySubnetId: a new gateway needs a subnet' }
  { fails: privateApi && !privateNetwork, text: 'privateApi: needs privateNetwork' }
  { fails: privateDns == 'central' && empty(privateDnsGroupId), text: 'privateDnsGroupId: needed with privateDns central' }
  { fails: subjectScope == 'gateway' && (recoverUsage || suspendSubscriptions), text: 'subjectScope: gateway goes with neither recoverUsage nor suspendSubscriptions, which know subscriptions by their id alone' }
  { fails: recoverUsage && !readLogs, text: 'recoverUsage: needs readLogs' }
  { fails: empty(apiManagementId) && empty(publisherEmail), text: 'publisherEmail: needed for a new gateway' }
  { fails: !empty(webhookUrl) && (empty(webhookSecretUri) || empty(webhookVaultId)), text: 'webhookUrl: needs webhookSecretUri and webhookVaultId' }
  { fails: cosmosCapacity == 'serverless' && !empty(cosmosSecondLocation), text: 'cosmosSecondLocation: serverless has one region' }
  { fails: !empty(budgetStart) && (length(budgetStart) != 10 || !endsWith(budgetStart, '-01')), text: 'budgetStart: the first day of a month, YYYY-MM-01' }
]
var faults = map(filter(checks, one => one.fails), one => one.text)
var checkedName = empty(faults) ? environmentName : fail(join(faults, '; '))

var unique = uniqueString(subscription().id, resourceGroupName)
var suffix = toLower('${checkedName}-${unique}')
var allTags = union(tags, { 'azd-env-name': environmentName, application: 'metering' })
var groupId = '${subscription().id}/resourceGroups/${resourceGroupName}'

// Every name is known before anything is deployed, so that `what-if` sees into every module.
var makesGateway = empty(apiManagementId)
var gatewayId = makesGateway ? '${groupId}/providers/Microsoft.ApiManagement/service/apim-${suffix}' : apiManagementId
var gatewayName = last(split(gatewayId, '/'))
var gatewayGroup = split(gatewayId, '/')[4]
var gatewaySubscription = split(gatewayId, '/')[2]

var makesStore = empty(cosmosAccountId)
var storeId = makesStore ? '${groupId}/providers/Microsoft.DocumentDB/databaseAccounts/${empty(cosmosAccountName) ? 'cosmos-${suffix}' : cosmosAccountName}' : cosmosAccountId
var storeName = last(split(storeId, '/'))
var storeGroup = split(storeId, '/')[4]
var storeSubscription = split(storeId, '/')[2]

var makesUsage = empty(usageNamespaceId)
var usageId = makesUsage ? '${groupId}/providers/Microsoft.EventHub/namespaces/evhns-usage-${suffix}' : usageNamespaceId
var usageName = last(split(usageId, '/'))
var usageGroup = split(usageId, '/')[4]
var usageSubscription = split(usageId, '/')[2]

var logsName = 'evhns-logs-${suffix}'
var logsId = '${groupId}/providers/Microsoft.EventHub/namespaces/${logsName}'

var hostAccountName = 'sthost${unique}'
var hostAccountId = '${groupId}/providers/Microsoft.Storage/storageAccounts/${hostAccountName}'
var makesFiles = empty(dataAccountId)
var filesId = makesFiles ? '${groupId}/providers/Microsoft.Storage/storageAccounts/stdata${unique}' : dataAccountId
var filesName = last(split(filesId, '/'))
var filesGroup = split(filesId, '/')[4]
var filesSubscription = split(filesId, '/')[2]
var filesUrl = 'https://${filesName}.blob.${environment().suffixes.storage}/'

var makesIdentity = empty(appIdentityId)
var identityId = makesIdentity ? '${groupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-metering-${suffix}' : appIdentityId
var captureIdentityId = '${groupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-metering-capture-${suffix}'
var appName = 'func-metering-${suffix}'
var appId = '${groupId}/providers/Microsoft.Web/sites/${appName}'
var insightsName = 'appi-metering-${suffix}'
var insightsId = '${groupId}/providers/Microsoft.Insights/components/${insightsName}'
var logsWorkspaceId = empty(workspaceId) ? '${groupId}/providers/Microsoft.OperationalInsights/workspaces/log-metering-${suffix}' : workspaceId
var actionGroupId = '${groupId}/providers/Microsoft.Insights/actionGroups/ag-metering-${suffix}'
var actionGroupIds = empty(alertEmails) ? [] : [actionGroupId]

var makesNetwork = privateNetwork && empty(existingNetwork)
var networkId = '${groupId}/providers/Microsoft.Network/virtualNetworks/vnet-metering-${suffix}'
var appSubnetId = existingNetwork.?appSubnetId ?? '${networkId}/subnets/app'
var endpointsSubnetId = existingNetwork.?endpointsSubnetId ?? '${networkId}/subnets/endpoints'
var gatewaySubnetId = existingNetwork.?gatewaySubnetId ?? '${networkId}/subnets/gateway'
var zonesGroupId = privateDns == 'made' ? groupId : (privateDns == 'central' ? privateDnsGroupId : '')

// Domains of services that environment() does not name.
var domains = {
  AzureCloud: { cosmos: 'documents.azure.com', hubs: 'servicebus.windows.net', sites: 'azurewebsites.net' }
  AzureUSGovernment: { cosmos: 'documents.azure.us', hubs: 'servicebus.usgovcloudapi.net', sites: 'azurewebsites.us' }
  AzureChinaCloud: { cosmos: 'documents.azure.cn', hubs: 'servicebus.chinacloudapi.cn', sites: 'chinacloudsites.cn' }
}
var domain = domains[environment().name]
var files = environment().suffixes.storage

// A row for each way from the network to what is closed to the outside.
var always = [
  { name: 'cosmos', target: storeId, group: 'Sql', zone: 'privatelink.${domain.cosmos}' }
  { name: 'usage', target: usageId, group: 'namespace', zone: 'privatelink.${domain.hubs}' }
  { name: 'host-blob', target: hostAccountId, group: 'blob', zone: 'privatelink.blob.${files}' }
  { name: 'host-queue', target: hostAccountId, group: 'queue', zone: 'privatelink.queue.${files}' }
  { name: 'host-table', target: hostAccountId, group: 'table', zone: 'privatelink.table.${files}' }
  { name: 'data-blob', target: filesId, group: 'blob', zone: 'privatelink.blob.${files}' }
]
var whenReadingLogs = [
  { name: 'logs', target: logsId, group: 'namespace', zone: 'privatelink.${domain.hubs}' }
]
var whenPrivateApi = [
  { name: 'api', target: appId, group: 'sites', zone: 'privatelink.${domain.sites}' }
]
var whenOtherStore = [
  { name: 'other-store', target: otherStoreId, group: 'Sql', zone: 'privatelink.${domain.cosmos}' }
]
var endpoints = concat(always, readLogs ? whenReadingLogs : [], empty(otherStoreId) ? [] : whenOtherStore)
var zones = union(map(endpoints, one => one.zone), privateApi ? ['privatelink.${domain.sites}'] : [])

var openAiAccounts = union(map(openAiModels, one => one.accountId), [])
var anthropicAccounts = union(map(anthropicModels, one => one.accountId), [])
var modelAccounts = concat(map(openAiAccounts, id => { id: id, ofOthers: false }), map(anthropicAccounts, id => { id: id, ofOthers: true }))

// ---------------------------------------------------------------- modules

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
  }
}

module existingIdentity 'modules/existing-identity.bicep' = if (!makesIdentity) {
  scope: resourceGroup(split(identityId, '/')[2], split(identityId, '/')[4])
  params: {
    name: last(split(identityId, '/'))
  }
}

var appPrincipalId = makesIdentity ? identity.outputs.appPrincipalId : existingIdentity!.outputs.principalId
var appClientId = makesIdentity ? identity.outputs.appClientId : existingIdentity!.outputs.clientId

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    workspaceId: workspaceId
  }
}

module network 'modules/network.bicep' = if (makesNetwork) {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    addressPrefix: networkAddressPrefix
  }
}

module dns 'modules/private-dns.bicep' = if (privateNetwork && privateDns == 'made') {
  scope: group
  params: {
    zones: zones
    networkId: split(endpointsSubnetId, '/subnets/')[0]
    tags: allTags
  }
  dependsOn: [
    network
  ]
}

module hostStorage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: hostAccountName
    location: location
    tags: allTags
    containerNames: [packagesContainer, checkpointsContainer]
    redundancy: storageRedundancy == 'LRS' ? 'LRS' : 'ZRS'
    publicAccess: !privateNetwork
    encryption: encryption
  }
}

module dataStorage 'modules/storage.bicep' = {
  scope: resourceGroup(filesSubscription, filesGroup)
  params: {
    name: filesName
    isNew: makesFiles
    location: location
    tags: allTags
    containerNames: [captureContainer, exportsContainer, anchorsContainer]
    redundancy: storageRedundancy
    expireAfterDays: captureDays
    expiringContainer: captureContainer
    keepVersions: true
    publicAccess: !privateNetwork
    immutable: [
      { container: exportsContainer, days: exportsImmutableDays }
      { container: anchorsContainer, days: anchorsImmutableDays }
    ]
    encryption: encryption
    locked: locks
  }
  dependsOn: [
    group
  ]
}

module usageNamespace 'modules/usage-namespace.bicep' = {
  scope: resourceGroup(usageSubscription, usageGroup)
  params: {
    name: usageName
    isNew: makesUsage
    location: location
    tags: allTags
    captureIdentityId: captureIdentityId
    maximumThroughputUnits: maximumThroughputUnits
    publicAccess: !privateNetwork
  }
  dependsOn: [
    group
    identity
  ]
}

module logsNamespace 'modules/logs-namespace.bicep' = if (readLogs) {
  scope: group
  params: {
    name: logsName
    location: makesGateway ? gatewayLocation : apiManagementLocation
    tags: allTags
    logsHub: logsHub
    consumerGroup: consumerGroup
    partitions: partitions
    maximumThroughputUnits: maximumThroughputUnits
    logsRights: logsRights
    publicAccess: !privateNetwork
  }
}

module cosmos 'modules/cosmos.bicep' = {
  scope: resourceGroup(storeSubscription, storeGroup)
  params: {
    location: location
    tags: allTags
    accountName: storeName
    isNew: makesStore
    databaseName: databaseName
    capacity: cosmosCapacity
    thousands: cosmosThousands
    ledgersThousands: cosmosLedgersThousands
    backup: cosmosBackup
    zoneRedundant: cosmosZoneRedundant
    secondLocation: cosmosSecondLocation
    secondZoneRedundant: cosmosSecondZoneRedundant
    publicAccess: !privateNetwork
    encryption: encryption
    locked: locks
  }
  dependsOn: [
    group
  ]
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    subnetId: endpointsSubnetId
    endpoints: endpoints
    zonesGroupId: zonesGroupId
  }
  dependsOn: [
    network
    dns
    cosmos
    usageNamespace
    logsNamespace
    hostStorage
    dataStorage
  ]
}

// API Management takes a subnet of its own region only.
var gatewayLocation = privateNetwork ? location : apiManagementLocation

module apiManagement 'modules/api-management.bicep' = {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    name: gatewayName
    isNew: makesGateway
    location: gatewayLocation
    tags: allTags
    sku: apiManagementSku
    units: apiManagementUnits
    publisherEmail: publisherEmail
    publisherName: publisherName
    subnetId: privateNetwork ? gatewaySubnetId : ''
  }
  dependsOn: [
    group
    network
  ]
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    appPrincipalId: appPrincipalId
    operatorPrincipalIds: operatorPrincipalIds
    operatorKind: operatorKind
    logsNamespaceName: readLogs ? logsName : ''
    hostAccountName: hostAccountName
    checkpointsContainer: checkpointsContainer
    insightsName: insightsName
  }
  dependsOn: [
    hostStorage
    logsNamespace
    monitoring
  ]
}

module rolesAtHub 'modules/roles.bicep' = {
  scope: resourceGroup(usageSubscription, usageGroup)
  params: {
    appPrincipalId: appPrincipalId
    gatewayPrincipalId: apiManagement.outputs.principalId
    operatorPrincipalIds: operatorPrincipalIds
    operatorKind: operatorKind
    usageNamespaceName: usageName
  }
  dependsOn: [
    usageNamespace
  ]
}

module rolesAtFiles 'modules/roles.bicep' = {
  scope: resourceGroup(filesSubscription, filesGroup)
  params: {
    appPrincipalId: appPrincipalId
    capturePrincipalId: makesUsage ? identity.outputs.capturePrincipalId : usageNamespace.outputs.capturePrincipalId
    operatorPrincipalIds: operatorPrincipalIds
    operatorKind: operatorKind
    dataAccountName: filesName
    captureContainer: captureContainer
    exportsContainer: exportsContainer
    anchorsContainer: anchorsContainer
  }
  dependsOn: [
    dataStorage
  ]
}

// After the endpoints: Cosmos DB takes one change of an account at a time.
module rolesAtStore 'modules/roles.bicep' = {
  scope: resourceGroup(storeSubscription, storeGroup)
  params: {
    appPrincipalId: appPrincipalId
    operatorPrincipalIds: operatorPrincipalIds
    operatorKind: operatorKind
    operatorCosmosRole: operatorCosmosRole
    cosmosAccountName: storeName
  }
  dependsOn: [
    cosmos
    privateEndpoints
  ]
}

module rolesAtGateway 'modules/roles.bicep' = if (suspendSubscriptions) {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    appPrincipalId: appPrincipalId
    suspendingServiceName: gatewayName
    suspendingRoleId: suspendingRoleId
  }
  dependsOn: [
    apiManagement
  ]
}

module rolesAtModels 'modules/roles.bicep' = [for account in modelAccounts: {
  scope: resourceGroup(split(account.id, '/')[2], split(account.id, '/')[4])
  params: {
    appPrincipalId: appPrincipalId
    gatewayPrincipalId: apiManagement.outputs.principalId
    modelAccountName: last(split(account.id, '/'))
    modelsOfOthers: account.ofOthers
  }
}]

module rolesAtVault 'modules/roles.bicep' = if (!empty(webhookVaultId)) {
  scope: resourceGroup(empty(webhookVaultId) ? subscription().subscriptionId : split(webhookVaultId, '/')[2], empty(webhookVaultId) ? resourceGroupName : split(webhookVaultId, '/')[4])
  params: {
    appPrincipalId: appPrincipalId
    vaultName: last(split(webhookVaultId, '/'))
  }
}

module usageHubs 'modules/usage-hub.bicep' = {
  scope: resourceGroup(usageSubscription, usageGroup)
  params: {
    namespaceName: usageName
    usageHub: usageHub
    consumerGroup: consumerGroup
    captureAccountId: filesId
    captureContainer: captureContainer
    captureIdentityId: makesUsage ? captureIdentityId : ''
    partitions: partitions
  }
  dependsOn: [
    usageNamespace
    rolesAtFiles
  ]
}

module functionApp 'modules/function-app.bicep' = {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    identityId: identityId
    identityClientId: appClientId
    hostAccountName: hostAccountName
    packagesUrl: 'https://${hostAccountName}.blob.${environment().suffixes.storage}/${packagesContainer}'
    cosmosAccount: environment().name == 'AzureCloud' ? storeName : '${storeName}.${domain.cosmos}'
    databaseName: databaseName
    usageHost: usageNamespace.outputs.host
    usageHub: usageHub
    logsHost: readLogs ? logsNamespace!.outputs.host : ''
    logsHub: logsHub
    consumerGroup: consumerGroup
    insightsConnectionString: monitoring.outputs.connectionString
    unknownSubscription: unknownSubscription
    unknownDeployments: unknownDeployments
    unboundProducers: unboundProducers
    recoveryDelay: recoverUsage ? '15m' : 'off'
    batchWait: batchWait
    exportsUrl: '${filesUrl}${exportsContainer}'
    anchorsUrl: '${filesUrl}${anchorsContainer}'
    exportSchedule: exportSchedule
    issuerName: issuerName
    invoices: invoices
    digest: digest
    closeGrace: closeGrace
    closeWait: closeWait
    deadLetterDays: deadLetterDays
    deadLettersAnHour: deadLettersAnHour
    rateLimit: rateLimit
    apiClientId: apiClientId
    webhookUrl: webhookUrl
    webhookSecretUri: webhookSecretUri
    suspendingServiceId: suspendSubscriptions ? gatewayId : ''
    alwaysReady: alwaysReady
    maximumInstances: maximumInstances
    httpConcurrency: httpConcurrency
    zoneRedundant: appZoneRedundant
    publicAccess: !privateApi
    subnetId: privateNetwork ? appSubnetId : ''
  }
  dependsOn: [
    roles
    rolesAtHub
    rolesAtFiles
    rolesAtStore
    rolesAtVault
    usageHubs
    privateEndpoints
  ]
}

module apiEndpoint 'modules/private-endpoints.bicep' = if (privateNetwork && privateApi) {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    subnetId: endpointsSubnetId
    endpoints: whenPrivateApi
    zonesGroupId: zonesGroupId
  }
  dependsOn: [
    dns
    functionApp
  ]
}

module authentication 'modules/authentication.bicep' = if (!empty(apiClientId)) {
  scope: group
  params: {
    appName: appName
    clientId: apiClientId
    audience: apiAudience
    // The code answers callers without a token: pages to sign in with, and problems for programs.
    withoutToken: 'AllowAnonymous'
  }
  dependsOn: [
    functionApp
  ]
}

module gateway 'modules/gateway.bicep' = {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    usageHost: usageNamespace.outputs.host
    usageHub: usageHub
    apiUrl: functionApp.outputs.url
    apiAudience: apiAudience
    admission: admission
    countStreams: countStreams
    subjectScope: subjectScope
    hasPool: length(openAiModels) > 1 || length(anthropicModels) > 1
    retries: max(1, max(length(openAiModels), length(anthropicModels)) - 1)
    openAiAudience: openAiAudience
    anthropicAudience: anthropicAudience
  }
  dependsOn: [
    apiManagement
    rolesAtHub
    usageHubs
  ]
}

module llmApis 'modules/llm-apis.bicep' = {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    monitorLoggerId: readLogs ? '${gatewayId}/loggers/azuremonitor' : ''
    openAi: openAiModels
    openAiPath: openAiPath
    anthropic: anthropicModels
    anthropicPath: anthropicPath
    products: products
  }
  dependsOn: [
    gateway
    rolesAtModels
  ]
}

module balanceApi 'modules/balance-api.bicep' = {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    path: balancePath
    products: products
  }
  dependsOn: [
    gateway
    llmApis
  ]
}

module gatewayLogs 'modules/gateway-logs.bicep' = if (readLogs) {
  scope: resourceGroup(gatewaySubscription, gatewayGroup)
  params: {
    serviceName: gatewayName
    logsRuleId: '${logsId}/authorizationRules/diagnostic-settings'
    logsHub: logsHub
    recoverUsage: recoverUsage
  }
  dependsOn: [
    apiManagement
    logsNamespace
  ]
}

module diagnostics 'modules/diagnostics.bicep' = if (audit != 'off') {
  scope: group
  params: {
    workspaceId: logsWorkspaceId
    withData: audit == 'all'
    cosmosAccountName: makesStore ? storeName : ''
    usageNamespaceName: makesUsage ? usageName : ''
    dataAccountName: makesFiles ? filesName : ''
    appName: appName
  }
  dependsOn: [
    monitoring
    cosmos
    usageNamespace
    dataStorage
    functionApp
  ]
}

module actionGroup 'modules/action-group.bicep' = if (!empty(alertEmails)) {
  scope: group
  params: {
    suffix: suffix
    tags: allTags
    emails: alertEmails
  }
}

module platformAlerts 'modules/platform-alerts.bicep' = {
  scope: group
  params: {
    suffix: suffix
    tags: allTags
    actionGroupIds: actionGroupIds
    usageHub: usageHub
    usageNamespaceId: usageId
    logsNamespaceId: readLogs ? logsId : ''
    enabled: alertsEnabled
  }
  dependsOn: [
    actionGroup
    usageNamespace
    logsNamespace
  ]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    suffix: suffix
    tags: allTags
    applicationInsightsId: insightsId
    actionGroupIds: actionGroupIds
    withAdmission: admission != 'off'
    enabled: alertsEnabled
  }
  dependsOn: [
    actionGroup
    monitoring
  ]
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    applicationInsightsId: insightsId
  }
  dependsOn: [
    monitoring
  ]
}

module budget 'modules/budget.bicep' = if (budgetAmount > 0 && !empty(budgetStart) && !empty(alertEmails)) {
  scope: group
  params: {
    amount: budgetAmount
    emails: alertEmails
    startDate: budgetStart
  }
}

var storeUrl = 'cosmos://${environment().name == 'AzureCloud' ? storeName : '${storeName}.${domain.cosmos}'}/${databaseName}'
var forEveryOperator = ['export METERING_STORE=${storeUrl}', 'UsageHub__fullyQualifiedNamespace=${usageNamespace.outputs.host}', 'AzureWebJobsStorage__blobServiceUri=https://${hostAccountName}.blob.${files}', 'METERING_ANCHORS=${filesUrl}${anchorsContainer}']
var forReadersOfLogs = readLogs ? ['GatewayLogsHub__fullyQualifiedNamespace=${logsNamespace!.outputs.host}'] : ['GATEWAY_LOGS_HUB=off']

// Outputs become the environment of `azd` and of bicep/scripts. None is a secret.

@description('The resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('The function app.')
output FUNCTION_APP_NAME string = appName

@description('Address of the metering API.')
output METERING_API string = functionApp.outputs.url

@description('METERING_STORE of an operator.')
output METERING_STORE string = storeUrl

@description('UsageHub__fullyQualifiedNamespace of an operator.')
output USAGE_NAMESPACE string = usageNamespace.outputs.host

@description('USAGE_HUB of an operator.')
output USAGE_HUB string = usageHub

@description('Address of Capture files.')
output CAPTURE_URL string = '${filesUrl}${captureContainer}'

@description('Address of exports.')
output EXPORTS_URL string = '${filesUrl}${exportsContainer}'

@description('Address of anchors.')
output ANCHORS_URL string = '${filesUrl}${anchorsContainer}'

@description('The settings of an operator, as one line for a shell.')
output operatorSettings string = join(concat(forEveryOperator, forReadersOfLogs), ' ')

@description('Object id of the identity of the gateway, for the role Metering.Gateway (entra.bicep).')
output GATEWAY_PRINCIPAL_ID string = apiManagement.outputs.principalId

@description('Address that callers of models use.')
output GATEWAY_URL string = apiManagement.outputs.gatewayUrl
