"""Benchmarks: what an event costs, as ratios measured in one run."""
