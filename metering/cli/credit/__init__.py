"""Commands on grants and adjustments."""
