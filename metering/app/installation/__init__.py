"""Readiness, gauges and the doctor."""
