extension microsoftGraphV1

targetScope = 'subscription'

metadata description = 'The metering API in Microsoft Entra ID: its registration with roles and scope, its service principal, and the holders of the roles.'

// Deployed by whoever may register applications, apart from main.bicep; docs/operations.md has the
// command, and the same by hand. Lists of a registration are replaced as a whole: what is not named
// here is gone afterwards, so hosts and clients have no default.

@description('Optional. Unique name of the registration. It cannot be changed, and finds a registration that the command setup-identity of earlier versions made.')
@minLength(1)
param uniqueName string = 'metering'

@description('Required. All hosts that people sign in to with a browser, such as func-metering-x.azurewebsites.net.')
@minLength(1)
param hosts string[]

@description('Required. Client ids of applications that may ask for a user without a question, such as the Azure CLI, 04b07795-8ddb-461a-bbee-02f9e1bf7b46.')
@minLength(1)
param clients string[]

@description('Required. Object ids of operators: people, groups or service principals.')
@minLength(1)
param operators string[]

@description('Required. Object ids of the identities of gateways: the output GATEWAY_PRINCIPAL_ID of main.bicep.')
@minLength(1)
param gateways string[]

@description('Optional. Object ids of the identities of applications that report usage.')
param producers string[] = []

@description('Optional. Further addresses of the API to keep, such as api:// and the client id of a registration that is in use.')
param keptAddresses string[] = []

// Holders keep a role only while its id stays: these are the ids of installed registrations.
var roles = {
  operator: 'd1bae656-ffb6-5417-99ee-2cd1be582975'
  gateway: '0e976115-ee98-53f6-80e1-378249fe5315'
  producer: 'deb34541-bdc4-543d-ac36-d02c10d91259'
}
var scopeId = 'b48a23aa-10f9-534d-b905-b6e4a45e828f'

// By tenant and name: an address with its own client id would be known only after the deployment.
var address = 'api://${tenant().tenantId}/${uniqueName}'

// Microsoft Graph's own client id, the same in every tenant.
var graphAppId = '00000003-0000-0000-c000-000000000000'

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: uniqueName
  signInAudience: 'AzureADMyOrg'
  identifierUris: union([address], keptAddresses)
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'user_impersonation'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Use the metering API'
        adminConsentDescription: 'Lets an application use the metering API as the signed-in user.'
        userConsentDisplayName: 'Use the metering API'
        userConsentDescription: 'Lets an application use the metering API as you.'
      }
    ]
    preAuthorizedApplications: [for client in clients: {
      appId: client
      delegatedPermissionIds: [scopeId]
    }]
  }
  appRoles: [
    {
      id: roles.operator
      value: 'Metering.Operator'
      displayName: 'Metering operator'
      description: 'Sees all tenants, and changes plans, prices and periods.'
      allowedMemberTypes: ['User', 'Application']
      isEnabled: true
    }
    {
      id: roles.gateway
      value: 'Metering.Gateway'
      displayName: 'Metering gateway'
      description: 'Asks for admission and balances on behalf of subscriptions.'
      allowedMemberTypes: ['Application']
      isEnabled: true
    }
    {
      id: roles.producer
      value: 'Metering.Producer'
      displayName: 'Metering producer'
      description: 'Reports usage, and reads nothing.'
      allowedMemberTypes: ['Application']
      isEnabled: true
    }
  ]
  web: {
    redirectUris: [for host in hosts: 'https://${toLower(host)}/.auth/login/aad/callback']
    // App Service authentication has no client secret here: it takes the ID token from the browser.
    implicitGrantSettings: {
      enableIdTokenIssuance: true
      enableAccessTokenIssuance: false
    }
  }
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: graphAppId
}

// Consent for all users: people sign in without a question.
resource consent 'Microsoft.Graph/oauth2PermissionGrants@v1.0' = {
  clientId: principal.id
  resourceId: graph.id
  consentType: 'AllPrincipals'
  scope: 'openid profile email'
}

resource ofOperators 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for id in operators: {
  resourceId: principal.id
  appRoleId: roles.operator
  principalId: id
}]

resource ofGateways 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for id in gateways: {
  resourceId: principal.id
  appRoleId: roles.gateway
  principalId: id
}]

resource ofProducers 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for id in producers: {
  resourceId: principal.id
  appRoleId: roles.producer
  principalId: id
}]

@description('Client id of the API, for apiClientId of main.bicep.')
output METERING_API_CLIENT_ID string = application.appId

@description('Audience of the tokens of the gateway, for apiAudience of main.bicep.')
output METERING_API_AUDIENCE string = address
