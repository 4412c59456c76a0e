"""Compares ledgers with Azure's bill and with gateway logs."""
