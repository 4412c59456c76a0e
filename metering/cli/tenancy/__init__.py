"""Commands on tenants, plans and members."""
