metadata description = 'The store, made or existing. Its containers are those of metering/adapters/cosmos/containers.py.'

import { encryptionKey, tagSet } from 'types.bicep'

@description('Required. Where it is.')
param location string

@description('Required. Name of the account.')
@maxLength(44)
param accountName string

@description('Required. Whether the account is made; otherwise it exists, and its settings stay as they are.')
param isNew bool

@description('Required. Tags.')
param tags tagSet

@description('Required. Name of the database.')
param databaseName string

@description('Optional. What is paid for: what is used (dev, little traffic), or a reserved rate that scales.')
param capacity 'serverless' | 'autoscale' = 'autoscale'

@description('Optional. With autoscale: thousands of request units a second at most, for all containers but `ledgers` together.')
@minValue(1)
param thousands int = 4

@description('Optional. With autoscale: thousands of request units a second at most for `ledgers`. One tenant takes 10 at most.')
@minValue(1)
param ledgersThousands int = 10

@description('Optional. How far back it can be restored.')
param backup 'Continuous7Days' | 'Continuous30Days' = 'Continuous30Days'

@description('Optional. Whether it is spread over zones. Busy regions refuse it for new accounts at times.')
param zoneRedundant bool = false

@description('Optional. A second region, which takes over when the first is lost; empty: none. Not with serverless.')
param secondLocation string = ''

@description('Optional. Whether the second region is spread over zones; a region without zones refuses it.')
param secondZoneRedundant bool = zoneRedundant

@description('Optional. Whether a new account is reached from outside the network.')
param publicAccess bool = true

@description('Optional. A key of the customer that a new account is encrypted with. It cannot be added later.')
param encryption encryptionKey?

@description('Optional. Whether a lock keeps a new account from being deleted.')
param locked bool = false

// A row for each container. What the keys follow from: docs/adr/0004-cosmos.md; registers and pending 0007, accounts 0010, statements 0018, sharings 0013, audit 0016, aggregates 0024.
var containers = [
  { name: 'ledgers', partitionKey: '/ledger', indexed: ['/slot', '/number', '/next_at', '/tenant', '/due', '/parked'], defaultTtl: 0 }
  { name: 'registry', partitionKey: '/registry', indexed: ['/number', '/tenant'], defaultTtl: 0 }
  { name: 'prices', partitionKey: '/id', indexed: [], defaultTtl: 0 }
  { name: 'dead_letters', partitionKey: '/id', indexed: ['/received', '/code'], defaultTtl: 7776000 }
  { name: 'registers', partitionKey: '/shard', indexed: ['/place', '/due'], defaultTtl: -1 }
  { name: 'aggregates', partitionKey: '/run', indexed: ['/number', '/due'], defaultTtl: -1 }
  { name: 'pending', partitionKey: '/request_id', indexed: ['/since'], defaultTtl: -1 }
  { name: 'rollups', partitionKey: '/ledger', indexed: [], defaultTtl: 0 }
  { name: 'accounts', partitionKey: '/tenant', indexed: [], defaultTtl: 0 }
  { name: 'statements', partitionKey: '/tenant', indexed: ['/start'], defaultTtl: 0 }
  { name: 'sharings', partitionKey: '/month', indexed: [], defaultTtl: 0 }
  { name: 'audit', partitionKey: '/day', indexed: ['/id'], defaultTtl: 0 }
]

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = if (isNew) {
  // checkov:skip=CKV_AZURE_99: dev has no network of its own; prod sets privateNetwork
  // checkov:skip=CKV_AZURE_101: the same; every request needs an identity with a data role
  name: accountName
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  identity: empty(encryption) ? null : { type: 'UserAssigned', userAssignedIdentities: { '${encryption!.identityId}': {} } }
  properties: {
    keyVaultKeyUri: empty(encryption) ? null : '${encryption!.vaultUri}keys/${encryption!.keyName}'
    defaultIdentity: empty(encryption) ? null : 'UserAssignedIdentity=${encryption!.identityId}'
    databaseAccountOfferType: 'Standard'
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAclBypass: 'None'
    // Decision 4: one session for each process.
    consistencyPolicy: {
      defaultConsistencyLevel: 'Session'
    }
    // One region writes: two could both commit to a ledger.
    enableMultipleWriteLocations: false
    // Also with one region: Cosmos DB refuses a change of this together with one of the regions, and
    // a second region may come later.
    enableAutomaticFailover: true
    locations: concat([
      { locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }
    ], empty(secondLocation) ? [] : [
      { locationName: secondLocation, failoverPriority: 1, isZoneRedundant: secondZoneRedundant }
    ])
    capabilities: capacity == 'serverless' ? [{ name: 'EnableServerless' }] : []
    backupPolicy: {
      type: 'Continuous'
      continuousModeProperties: {
        tier: backup
      }
    }
  }
}

resource lock 'Microsoft.Authorization/locks@2020-05-01' = if (isNew && locked) {
  name: 'metering-ledgers'
  scope: account
  properties: {
    level: 'CanNotDelete'
    notes: 'Ledgers and statements. Remove this lock only to take the installation down.'
  }
}

// Without `parent`: the account is made here or exists.
resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  name: '${accountName}/${databaseName}'
  properties: {
    resource: {
      id: databaseName
    }
    options: capacity == 'serverless' ? {} : {
      autoscaleSettings: {
        maxThroughput: thousands * 1000
      }
    }
  }
  dependsOn: [
    account
  ]
}

// One after the other: Cosmos DB refuses changes of a database at the same time.
@batchSize(1)
resource each 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-04-15' = [for container in containers: {
  parent: database
  name: container.name
  properties: {
    resource: {
      id: container.name
      partitionKey: {
        paths: [container.partitionKey]
        kind: 'Hash'
        version: 2
      }
      defaultTtl: container.defaultTtl == 0 ? null : container.defaultTtl
      indexingPolicy: {
        automatic: true
        indexingMode: 'consistent'
        includedPaths: [for path in container.indexed: {
          path: '${path}/?'
        }]
        excludedPaths: [
          { path: '/*' }
        ]
      }
    }
    // A rate of its own: reading everything else never slows counting.
    options: container.name == 'ledgers' && capacity == 'autoscale' ? {
      autoscaleSettings: {
        maxThroughput: ledgersThousands * 1000
      }
    } : {}
  }
}]
