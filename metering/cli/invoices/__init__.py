"""Commands on numbered documents about statements."""
