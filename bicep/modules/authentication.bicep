metadata description = 'App Service authentication: who has no token of this Entra application does not reach the code.'

@description('Required. Name of the function app.')
param appName string

@description('Required. Client id of the Entra application of the metering API.')
param clientId string

@description('Required. Audience of its tokens, such as api://metering.')
param audience string

@description('Optional. What is answered without a token; AllowAnonymous leaves it to the code.')
param withoutToken 'Return401' | 'AllowAnonymous' = 'Return401'

resource app 'Microsoft.Web/sites@2025-03-01' existing = {
  name: appName
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  // These rules are about another config of a web app, which authsettingsV2 is not.
  // checkov:skip=CKV_AZURE_13: this is App Service authentication
  // checkov:skip=CKV_AZURE_63: logs go to Application Insights
  // checkov:skip=CKV_AZURE_65: the same
  // checkov:skip=CKV_AZURE_66: the same
  // checkov:skip=CKV_AZURE_80: there is no .NET in it
  // checkov:skip=CKV_AZURE_88: nothing is kept in files
  // checkov:skip=CKV_AZURE_222: the app is function-app.bicep
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: withoutToken == 'Return401'
      unauthenticatedClientAction: withoutToken
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: clientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            audience
            clientId
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}
