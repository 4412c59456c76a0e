"""Entries, pages and heads: what a commit writes, and how it is proven."""
