"""Findings of the doctor and names of metrics."""
