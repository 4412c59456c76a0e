"""Metrics, traces, logs, alerts and the webhook."""
