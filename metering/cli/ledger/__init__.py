"""Commands on effects."""
