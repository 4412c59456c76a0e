"""Mail: digests as messages, and the service that sends them."""
