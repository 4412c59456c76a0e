"""From counters to an admission verdict; suspension of subscriptions."""
