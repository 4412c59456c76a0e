metadata description = 'Types of the parameters that main.bicep and its modules share.'

@export()
@description('Tags of a resource.')
type tagSet = {
  *: string
}

@export()
@description('What invoices say, and how they are numbered and taxed (docs/statements.md). An empty text: the setting is not made.')
type invoiceTerms = {
  @description('Required. Beginning of the numbers of invoices, such as INV-. Empty: no invoices are issued.')
  series: string

  @description('Required. The first month that gets invoices, such as 2026-11. Empty: all.')
  since: string

  @description('Required. Address of the issuer, its lines separated by `|`.')
  address: string

  @description('Required. Tax id of the issuer.')
  taxId: string

  @description('Required. Days between the date of an invoice and its due date.')
  paymentDays: string

  @description('Required. Taxes with rates in percent, separated by commas, such as VAT=20. Empty: no tax.')
  taxes: string

  @description('Required. How tax is rounded: once a document, or on each line.')
  taxRounding: 'document' | 'line'

  @description('Required. The note on invoices with a reverse charge. Empty: in English.')
  reverseChargeNote: string
}

@export()
@description('Weekly digests, to the webhook and by mail (docs/operations.md).')
type digestTerms = {
  @description('Required. Whether digests are sent.')
  mode: 'off' | 'weekly'

  @description('Required. Recipients of the digest for operators, separated by commas. Empty: none by mail.')
  recipients: string

  @description('Required. Endpoint of Azure Communication Services, on which the identity of the app has the role to send mail. Empty: no mail.')
  mailEndpoint: string

  @description('Required. Address of the sender, of a domain of that service.')
  mailSender: string
}

@export()
@description('Instances of a group of functions that are never scaled away.')
type alwaysReadyGroup = {
  @description('Required. `http`, or `function:` and the name of a function.')
  name: string

  @description('Required. How many instances.')
  instanceCount: int
}

@export()
@description('An endpoint of models behind the gateway, with the account that serves it.')
type modelBackend = {
  @description('Required. Its address, such as https://contoso.openai.azure.com/openai or https://contoso.services.ai.azure.com/anthropic.')
  @minLength(9)
  url: string

  @description('Required. Resource id of the Azure OpenAI or Foundry account, in any subscription. The gateway gets the role to use its models.')
  @minLength(100)
  accountId: string

  @description('Optional. Backends of the lowest number are used first; those of a higher one when all before are tripped. Default 1.')
  @minValue(1)
  @maxValue(100)
  priority: int?

  @description('Optional. Share of the requests among backends of one priority. Default 1.')
  @minValue(1)
  @maxValue(100)
  weight: int?
}

@export()
@description('A product: callers subscribe to it.')
type productDefinition = {
  @description('Required. Its id; usage events name it.')
  @minLength(1)
  @maxLength(80)
  name: string

  @description('Required. The name that people read.')
  displayName: string

  @description('Optional. The text that the developer portal shows.')
  description: string?

  @description('Optional. Terms that a subscriber accepts.')
  terms: string?

  @description('Optional. Whether an administrator approves each subscription. Default true.')
  approvalRequired: bool?
}

@export()
@description('Subnets of a network that exists.')
type networkDefinition = {
  @description('Required. Resource id of a subnet delegated to Microsoft.App/environments, a /27 or larger.')
  appSubnetId: string

  @description('Required. Resource id of the subnet for private endpoints.')
  endpointsSubnetId: string

  @description('Conditional. Resource id of a subnet delegated to Microsoft.Web/serverFarms; needed for a new gateway.')
  gatewaySubnetId: string?
}

@export()
@description('A key of the customer that data at rest is encrypted with.')
type encryptionKey = {
  @description('Required. Address of the vault with a slash at the end, such as https://vault.vault.azure.net/.')
  vaultUri: string

  @description('Required. Name of the key; its newest version is used.')
  keyName: string

  @description('Required. Resource id of a user-assigned identity with Key Vault Crypto Service Encryption User on that vault.')
  identityId: string
}

@export()
@description('Kind of the identity that gets a role.')
type principalKind = 'ServicePrincipal' | 'Group' | 'User'
