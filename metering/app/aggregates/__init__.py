"""Sums over many requests: points of counters are taken, and what they add up to is published."""
