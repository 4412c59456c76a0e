"""The cost of provisioned capacity, allocated to tenants once."""
