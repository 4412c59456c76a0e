"""Periods, slots, windows and dated values."""
