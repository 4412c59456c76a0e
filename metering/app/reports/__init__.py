"""Balances, usage, rollups, proofs and the overview."""
