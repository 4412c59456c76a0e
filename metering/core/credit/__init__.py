"""Grants, adjustments and the account of a tenant."""
