"""Commands on the price book."""
