"""pytest fixture: Azurite for the session.

A test module asks for it with `pytest_plugins = ["tests.doubles.azurite.fixtures"]`.
"""

import os
from collections.abc import Iterator

import pytest

from tests.doubles.azurite.server import Azurite, missing


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Start the blob service; every test makes a container of its own."""
    why = missing()
    if why is not None:
        assert "CI" not in os.environ, why
        pytest.skip(why)
    with Azurite() as server:
        yield server
