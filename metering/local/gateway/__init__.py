"""A simulated gateway: API Management on loopback, with models behind it that cost nothing."""
