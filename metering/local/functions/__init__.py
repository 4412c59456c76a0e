"""The embedded Functions host, over the worker library."""
