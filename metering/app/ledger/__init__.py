"""The commit protocol, the reader of pages, and delivery of outbox messages."""
