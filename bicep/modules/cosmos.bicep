metadata description = 'The store. Its containers are those of metering/adapters/cosmos/containers.py.'

@description('Required. Where it is.')
param location string

@description('Required. Name of the account.')
@maxLength(44)
param accountName string

@description('Required. Tags.')
param tags object

@description('Required. Name of the database.')
param databaseName string

@description('Optional. What is paid for: what is used (dev, little traffic), or a reserved rate that scales.')
param capacity 'serverless' | 'autoscale' = 'autoscale'

@description('Optional. With autoscale: request units a second at most, for all containers but `ledgers` together.')
@minValue(1000)
param maxThroughput int = 4000

@description('Optional. With autoscale: request units a second at most for `ledgers`. One tenant takes 10,000 at most.')
@minValue(1000)
param maxLedgersThroughput int = 10000

@description('Optional. How far back it can be restored.')
param backup 'Continuous7Days' | 'Continuous30Days' = 'Continuous30Days'

@description('Optional. Whether it is spread over zones. Busy regions refuse it for new accounts at times.')
param zoneRedundant bool = false

@description('Optional. A second region, which takes over when the first is lost; empty: none. Not with serverless.')
param secondLocation string = ''

@description('Optional. Whether it is reached from outside the network.')
param publicAccess bool = true

// A row for each container. What the keys follow from: docs/adr/0004-cosmos.md; accounts 0010, statements 0018, sharings 0013, audit 0016.
var containers = [
  { name: 'ledgers', partitionKey: '/ledger', indexed: ['/slot', '/number', '/next_at', '/tenant', '/due', '/parked'], defaultTtl: 0 }
  { name: 'registry', partitionKey: '/registry', indexed: ['/number'], defaultTtl: 0 }
  { name: 'prices', partitionKey: '/id', indexed: [], defaultTtl: 0 }
  { name: 'dead_letters', partitionKey: '/id', indexed: ['/received', '/code'], defaultTtl: 0 }
  { name: 'pending', partitionKey: '/request_id', indexed: ['/since'], defaultTtl: -1 }
  { name: 'rollups', partitionKey: '/ledger', indexed: [], defaultTtl: 0 }
  { name: 'accounts', partitionKey: '/tenant', indexed: [], defaultTtl: 0 }
  { name: 'statements', partitionKey: '/tenant', indexed: ['/start'], defaultTtl: 0 }
  { name: 'sharings', partitionKey: '/month', indexed: [], defaultTtl: 0 }
  { name: 'audit', partitionKey: '/day', indexed: ['/id'], defaultTtl: 0 }
]


resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  // checkov:skip=CKV_AZURE_99: dev has no network of its own; prod sets privateNetwork
  // checkov:skip=CKV_AZURE_101: the same; every request needs an identity with a data role
  name: accountName
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
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
    enableAutomaticFailover: !empty(secondLocation)
    locations: concat([
      { locationName: location, failoverPriority: 0, isZoneRedundant: zoneRedundant }
    ], empty(secondLocation) ? [] : [
      { locationName: secondLocation, failoverPriority: 1, isZoneRedundant: false }
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

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: {
      id: databaseName
    }
    options: capacity == 'serverless' ? {} : {
      autoscaleSettings: {
        maxThroughput: maxThroughput
      }
    }
  }
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
        maxThroughput: maxLedgersThroughput
      }
    } : {}
  }
}]

@description('Resource id.')
output id string = account.id

@description('Name: the host of METERING_STORE.')
output name string = account.name
