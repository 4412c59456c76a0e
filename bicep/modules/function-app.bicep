metadata description = 'The function app: Flex Consumption, Python 3.13, no key anywhere. Its settings are those that metering/settings/settings.py and the triggers read.'

import { alwaysReadyGroup, digestTerms, invoiceTerms, tagSet } from 'types.bicep'

@description('Required. Where it is.')
param location string

@description('Required. Name that everything of this installation ends in.')
param suffix string

@description('Required. Tags.')
param tags tagSet

@description('Required. Resource id of its identity.')
param identityId string

@description('Required. Client id of its identity.')
param identityClientId string

@description('Required. Name of the storage account of the Functions host.')
param hostAccountName string

@description('Required. Where packages are put: address of a container.')
param packagesUrl string

@description('Required. Name of the Cosmos DB account; with its domain outside the public cloud.')
param cosmosAccount string

@description('Required. Name of the database.')
param databaseName string

@description('Required. Host of the namespace of usage events.')
param usageHost string

@description('Required. The hub of usage events.')
param usageHub string

@description('Optional. Host of the namespace of logs; empty: no logs are read, and streams stay without counts.')
param logsHost string = ''

@description('Required. The hub of gateway logs.')
param logsHub string

@description('Required. The consumer group of both.')
param consumerGroup string

@description('Required. Address of Application Insights.')
param insightsConnectionString string

@description('Optional. What becomes of usage of a subscription that nobody mapped: set aside, or given a tenant of its own.')
param unknownSubscription 'reject' | 'auto' = 'reject'

@description('Optional. Whether producers that are bound to no subjects and sources may report for all of them.')
param unboundProducers 'refuse' | 'accept' = 'refuse'

@description('Optional. Whether requests to deployments of an unknown model pass where limits depend on it.')
param unknownDeployments 'by_plan' | 'allow' | 'block' = 'by_plan'

@description('Optional. How long after its log usage that no policy reported is recovered.')
param recoveryDelay string = 'off'

@description('Optional. The longest wait at the end of a batch of events, in which the next one gathers: such as 500ms or 2s; 0: none. It makes commits fewer and balances older by at most as much.')
param batchWait string = '2s'

@description('Required. Where deliveries go: address of a container.')
param exportsUrl string

@description('Required. Where anchors are kept: address of a container.')
param anchorsUrl string

@description('Optional. What is delivered on a schedule, such as chargeback=daily; empty: nothing.')
param exportSchedule string = ''

@description('Optional. Who sends the statements, as exports name it.')
param issuerName string = 'LLM platform'

@description('Required. What invoices say, and how they are numbered and taxed.')
param invoices invoiceTerms

@description('Required. Weekly digests, to the webhook and by mail.')
param digest digestTerms

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

@description('Optional. Client id of the Entra application of the metering API; empty: nobody can sign in.')
param apiClientId string = ''

@description('Optional. Who is told of effects; empty: the log.')
param webhookUrl string = ''

@description('Conditional. Needed with webhookUrl: address of the secret in a key vault, with its version or without.')
param webhookSecretUri string = ''

@description('Optional. Resource id of the API Management service whose subscriptions may be suspended; empty: none ever is.')
param suspendingServiceId string = ''

@description('Optional. Instances that are never scaled away; each is paid for all the time.')
param alwaysReady alwaysReadyGroup[] = []

@description('Optional. Instances at most, for each function. More than the hubs have partitions stand idle.')
@minValue(40)
@maxValue(1000)
param maximumInstances int = 40

@description('Optional. Requests over HTTP that one instance answers at a time. The platform gives Python one unless this says otherwise.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 32

@description('Optional. Whether instances are spread over zones. Each group of functions then needs two instances that are always there.')
param zoneRedundant bool = false

@description('Optional. Whether it is reached from outside the network.')
param publicAccess bool = true

@description('Optional. Memory of an instance, in MB.')
param instanceMemoryMb 512 | 2048 | 4096 = 2048

@description('Optional. Subnet that it reaches the store and the hubs through; empty: none.')
param subnetId string = ''

var signIn = {
  credential: 'managedidentity'
  clientId: identityClientId
}

// A line for each setting; a test holds them against the code.
var always = {
  AzureWebJobsStorage__blobServiceUri: 'https://${hostAccountName}.blob.${environment().suffixes.storage}'
  AzureWebJobsStorage__queueServiceUri: 'https://${hostAccountName}.queue.${environment().suffixes.storage}'
  AzureWebJobsStorage__tableServiceUri: 'https://${hostAccountName}.table.${environment().suffixes.storage}'
  AzureWebJobsStorage__credential: signIn.credential
  AzureWebJobsStorage__clientId: signIn.clientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // Which of its identities the Azure SDKs sign in with.
  AZURE_CLIENT_ID: signIn.clientId
  UsageHub__fullyQualifiedNamespace: usageHost
  UsageHub__credential: signIn.credential
  UsageHub__clientId: signIn.clientId
  USAGE_HUB: usageHub
  USAGE_CONSUMER_GROUP: consumerGroup
  GATEWAY_LOGS_HUB: empty(logsHost) ? 'off' : logsHub
  METERING_STORE: 'cosmos://${cosmosAccount}/${databaseName}'
  METERING_UNKNOWN_SUBSCRIPTION: unknownSubscription
  METERING_UNKNOWN_DEPLOYMENTS: unknownDeployments
  METERING_UNBOUND_PRODUCERS: unboundProducers
  METERING_RECOVERY_DELAY: recoveryDelay
  METERING_BATCH_WAIT: batchWait
  // Fresh prices are read once a day and wait for an operator: `metering prices proposed`.
  METERING_PRICE_REFRESH: 'propose'
  METERING_EXPORTS: exportsUrl
  METERING_ANCHORS: anchorsUrl
  METERING_EXPORT_SCHEDULE: exportSchedule
  METERING_ISSUER: issuerName
  METERING_INVOICE_SERIES: invoices.series
  METERING_INVOICES_SINCE: invoices.since
  METERING_ISSUER_ADDRESS: invoices.address
  METERING_ISSUER_TAX_ID: invoices.taxId
  METERING_PAYMENT_DAYS: invoices.paymentDays
  METERING_TAXES: invoices.taxes
  METERING_TAX_ROUNDING: invoices.taxRounding
  METERING_REVERSE_CHARGE_NOTE: invoices.reverseChargeNote
  METERING_DIGEST: digest.mode
  METERING_DIGEST_RECIPIENTS: digest.recipients
  METERING_MAIL_ENDPOINT: digest.mailEndpoint
  METERING_MAIL_SENDER: digest.mailSender
  METERING_CLOSE_GRACE: closeGrace
  METERING_CLOSE_WAIT: closeWait
  METERING_DEAD_LETTER_DAYS: deadLetterDays
  METERING_DEAD_LETTERS_AN_HOUR: deadLettersAnHour
  METERING_RATE_LIMIT: rateLimit
  METERING_TELEMETRY: 'azure'
  // With azure-functions-runtime of requirements.txt only: an older runtime fails every function.
  PYTHON_ENABLE_OPENTELEMETRY: 'true'
  // Both processes take these: without them the host records every receive as a request.
  OTEL_TRACES_SAMPLER: 'microsoft.rate_limited'
  OTEL_TRACES_SAMPLER_ARG: '1'
  // The root belongs to the dashboard.
  AzureWebJobsDisableHomepage: 'true'
}

var whenReadingLogs = {
  GatewayLogsHub__fullyQualifiedNamespace: logsHost
  GatewayLogsHub__credential: signIn.credential
  GatewayLogsHub__clientId: signIn.clientId
  GATEWAY_LOGS_CONSUMER_GROUP: consumerGroup
}

// Without an Entra application nobody can sign in, and nothing is believed.
var whenSigningIn = {
  METERING_AUTH_ISSUER: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
  METERING_AUTH_AUDIENCE: apiClientId
  METERING_AUTH_TENANT: tenant().tenantId
  METERING_APP_SERVICE_AUTH: 'on'
}

var whenSuspending = {
  METERING_APIM_SERVICE: suspendingServiceId
  METERING_ARM_ENDPOINT: environment().resourceManager
}

var whenTelling = {
  METERING_WEBHOOK_URL: webhookUrl
  METERING_WEBHOOK_SECRET: '@Microsoft.KeyVault(SecretUri=${webhookSecretUri})'
}

var settings = union(always, empty(logsHost) ? {} : whenReadingLogs, empty(apiClientId) ? {} : whenSigningIn, empty(suspendingServiceId) ? {} : whenSuspending, empty(webhookUrl) ? {} : whenTelling)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  // checkov:skip=CKV_AZURE_225: zones are the parameter zoneRedundant; docs/adr/0015-deployment.md has the price
  name: 'plan-metering-${suffix}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  // checkov:skip=CKV_AZURE_222: it answers the gateway and operators, all of whom sign in
  // checkov:skip=CKV_AZURE_212: instances come and go with the hubs; alwaysReady keeps some
  // checkov:skip=CKV_AZURE_213: what matters is whether the hubs are read, and an alert on lag says so
  // checkov:skip=CKV_AZURE_17: callers sign in with tokens; certificates would be a second way in
  name: 'func-metering-${suffix}'
  location: location
  // azd finds the app of the service `metering` in azure.yaml by its tag.
  tags: union(tags, { 'azd-service-name': 'metering' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packagesUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMb
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReady
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
      // In preview, and not in the published types yet. Two versions run side by side for minutes:
      // docs/runbook/changes.md, "Upgrading", says which versions may.
      #disable-next-line BCP037
      siteUpdateStrategy: {
        type: 'RollingUpdate'
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      http20Enabled: true
      ftpsState: 'Disabled'
      appSettings: [for item in items(settings): {
        name: item.key
        value: item.value
      }]
    }
  }
}

// Packages are put there by an identity: user names and passwords for that are older, and off.
resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource scmPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

@description('Address, without a slash at the end.')
output url string = 'https://${app.properties.defaultHostName}'
