"""Sums over many requests: the counters that a platform keeps itself."""
