"""Closed periods as FOCUS 1.2 rows."""
