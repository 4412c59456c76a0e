"""Charges, balances and statements of a period."""
