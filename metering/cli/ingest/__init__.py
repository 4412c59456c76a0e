"""Commands that ingest events and handle dead letters."""
