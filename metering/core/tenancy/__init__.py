"""Append-only registry records, resolved into the terms of a subject."""
