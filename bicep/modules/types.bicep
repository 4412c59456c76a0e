metadata description = 'What parameters and modules are made of.'

@export()
@description('Instances of a group of functions that are never scaled away.')
type alwaysReadyGroup = {
  @description('Required. `http`, or `function:` and the name of a function.')
  name: string

  @description('Required. How many instances.')
  instanceCount: int
}

@export()
@description('An account whose models stand behind the gateway.')
type modelAccount = {
  @description('Required. Name of the Azure OpenAI or Foundry account.')
  name: string

  @description('Required. Its resource group, in this Azure subscription.')
  resourceGroup: string
}

@export()
@description('A product: what callers subscribe to.')
type productDefinition = {
  @description('Required. Its id; usage events name it.')
  name: string

  @description('Required. What people read.')
  displayName: string

  @description('Optional. Whether somebody must approve a subscription.')
  approvalRequired: bool?
}

@export()
@description('What kind of identity a role is given to.')
type principalKind = 'ServicePrincipal' | 'Group' | 'User'
