"""Exact, exactly-once metering and billing of LLM usage on Azure."""

from typing import Final

__version__: Final = "0.2.0"
"""The release, as CHANGELOG.md names it; pyproject.toml reads it here."""
