"""Tokens and browser sessions."""
