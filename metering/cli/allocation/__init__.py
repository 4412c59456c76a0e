"""Commands on allocated cost."""
