"""The software that doubles need on this machine: tests are skipped without it, but fail in CI."""

import os
import shutil
from pathlib import Path

import pytest


def missing_package(file: Path) -> str | None:
    """Return why a Node.js server with this file cannot start on this machine, or None."""
    if shutil.which("node") is None:
        return "Node.js is not installed"
    if not file.is_file():
        folder = file.relative_to(Path(__file__).parent).parts[0]
        return f"tests/doubles/{folder}: npm packages are not installed: run `make test`"
    return None


def skip_without(reason: str | None) -> None:
    """Skip the test if something is missing; in CI fail."""
    if reason is not None:
        assert "CI" not in os.environ, reason
        pytest.skip(reason)
