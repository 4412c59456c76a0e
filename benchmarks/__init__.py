"""Benchmarks: the cost of an event, as ratios measured in one run."""
