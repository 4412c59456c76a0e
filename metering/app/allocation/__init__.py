"""Reads capacity usage and allocates its cost."""
