metadata description = 'A storage account that takes no keys, with private containers.'

@description('Required. Its name.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Where it is.')
param location string

@description('Required. Tags.')
param tags object

@description('Required. Names of the containers.')
param containerNames string[]

@description('Optional. How often the data is there: LRS in one place, ZRS in three zones, GZRS in another region too.')
param redundancy 'LRS' | 'ZRS' | 'GRS' | 'GZRS' = 'ZRS'

@description('Optional. Days after which what is in `expiringContainer` is deleted; 0: never.')
param expireAfterDays int = 0

@description('Optional. The container that `expireAfterDays` is about.')
param expiringContainer string = ''

@description('Optional. Whether earlier versions of a blob are kept.')
param keepVersions bool = false

@description('Optional. Whether it is reached from outside the network.')
param publicAccess bool = true

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  // checkov:skip=CKV_AZURE_59: dev has no network of its own; prod sets privateNetwork
  // checkov:skip=CKV_AZURE_35: the same; every request needs an identity with a role
  // checkov:skip=CKV_AZURE_206: replication is the parameter redundancy, and zones are its default
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_${redundancy}'
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: {
      // Capture writes as a trusted service, with its identity.
      bypass: 'AzureServices'
      defaultAction: publicAccess ? 'Allow' : 'Deny'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: keepVersions
    deleteRetentionPolicy: {
      enabled: true
      days: 30
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 30
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [for container in containerNames: {
  parent: blobs
  name: container
  properties: {
    publicAccess: 'None'
  }
}]

resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (expireAfterDays > 0) {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'expire'
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: ['blockBlob']
              prefixMatch: ['${expiringContainer}/']
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: expireAfterDays
                }
              }
              version: {
                delete: {
                  daysAfterCreationGreaterThan: expireAfterDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

@description('Resource id.')
output id string = account.id

@description('Name.')
output name string = account.name

@description('Address of its blobs, with a slash at the end.')
output blobEndpoint string = account.properties.primaryEndpoints.blob
