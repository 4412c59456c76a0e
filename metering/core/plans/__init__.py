"""Plans: the terms under which a tenant pays."""
