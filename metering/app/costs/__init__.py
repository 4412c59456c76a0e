"""Costs and margins over all tenants."""
