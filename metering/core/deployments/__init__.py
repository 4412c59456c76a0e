"""Deployments: properties that a gateway cannot report, and provisioned capacity."""
