"""Use cases of numbered documents about statements."""
