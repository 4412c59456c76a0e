"""Readers of Azure's cost exports."""
