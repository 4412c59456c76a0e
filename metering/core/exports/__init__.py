"""Chargeback rows, export windows and delivery manifests."""
