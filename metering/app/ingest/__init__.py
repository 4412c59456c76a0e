"""Ingestion: each event of a batch is counted or becomes a dead letter."""
