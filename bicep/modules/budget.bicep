metadata description = 'A budget of what this installation itself costs, not of what tenants spend.'

@description('Required. Its amount a month, in the currency of the invoice.')
@minValue(1)
param amount int

@description('Required. Who gets mail.')
param emails string[]

@description('Required. First day of the month in which the budget is made, YYYY-MM-01. Azure refuses a later change.')
@minLength(10)
@maxLength(10)
param startDate string

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: 'metering'
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: startDate
    }
    notifications: {
      nearly: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 80
        thresholdType: 'Actual'
        contactEmails: emails
      }
      expected: {
        enabled: true
        operator: 'GreaterThanOrEqualTo'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
      }
    }
  }
}
