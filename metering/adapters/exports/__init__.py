"""Folder and blob export stores, and the printable statement."""
