"""Commands that publish to hubs and replay captures."""
