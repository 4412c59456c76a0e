"""The HTTP API: routes that translate requests into use cases, and their authorisation."""

from metering.api.application import create_api

__all__ = ["create_api"]
