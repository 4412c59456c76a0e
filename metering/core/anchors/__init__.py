"""Anchors: digests of all ledgers, statements and records, kept outside the store."""
