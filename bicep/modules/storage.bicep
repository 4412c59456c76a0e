metadata description = 'A storage account that takes no keys, made or existing, with private containers.'

import { encryptionKey, tagSet } from 'types.bicep'

@description('Required. Its name.')
@minLength(3)
@maxLength(24)
param name string

@description('Required. Where it is.')
param location string

@description('Required. Tags.')
param tags tagSet

@description('Optional. Whether the account is made; otherwise it exists, and only the containers are made.')
param isNew bool = true

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

@description('Optional. Containers whose blobs can be neither changed nor deleted for some days; 0: not protected. The account must keep versions.')
param immutable { container: string, days: int }[] = []

@description('Optional. A key of the customer that a new account is encrypted with.')
param encryption encryptionKey?

@description('Optional. Whether a lock keeps a new account from being deleted.')
param locked bool = false

var protectedContainers = filter(immutable, one => one.days > 0)

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = if (isNew) {
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
  identity: empty(encryption) ? null : { type: 'UserAssigned', userAssignedIdentities: { '${encryption!.identityId}': {} } }
  properties: {
    encryption: empty(encryption) ? null : { keySource: 'Microsoft.Keyvault', identity: { userAssignedIdentity: encryption!.identityId }, keyvaultproperties: { keyvaulturi: encryption!.vaultUri, keyname: encryption!.keyName } }
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

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = if (isNew) {
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

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isNew && locked) {
  name: 'metering-files'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'The raw copy of usage, and exports. Remove this lock only to take the installation down.'
  }
}

// Without `parent`: the account is made here or exists.
resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [for container in containerNames: {
  name: '${name}/default/${container}'
  properties: {
    publicAccess: 'None'
    immutableStorageWithVersioning: contains(map(protectedContainers, one => one.container), container) ? { enabled: true } : null
  }
  dependsOn: [
    blobs
  ]
}]

// A new delivery under a known name becomes a new version; the version before stays, protected.
// Unlocked: an administrator locks the policy once its length has proven right.
resource protected 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = [for one in protectedContainers: {
  name: '${name}/default/${one.container}/default'
  properties: {
    immutabilityPeriodSinceCreationInDays: one.days
    allowProtectedAppendWrites: false
  }
  dependsOn: [
    containers
  ]
}]

resource expiry 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = if (isNew && expireAfterDays > 0) {
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
