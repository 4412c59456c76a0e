"""Deployments read from Azure and recorded in the registry."""
