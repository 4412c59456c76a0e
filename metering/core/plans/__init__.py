"""The terms under which a tenant pays."""
