"""The up-to-date directory, callers, and audited changes."""
