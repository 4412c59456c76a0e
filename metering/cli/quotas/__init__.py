"""Commands on admission and forecasts."""
