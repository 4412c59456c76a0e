"""The credit left to a tenant."""
