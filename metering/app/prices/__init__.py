"""Publish prices, rate again, and answer what-if questions."""
