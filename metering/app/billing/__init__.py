"""Closes periods and writes statements."""
