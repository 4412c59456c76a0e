"""The HTTP API: routers that translate requests into use cases, and who may call them."""

from metering.api.application import create_api

__all__ = ["create_api"]
