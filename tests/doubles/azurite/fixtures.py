"""pytest fixture: Azurite for the session.

A test module asks for it with `pytest_plugins = ["tests.doubles.azurite.fixtures"]`.
"""

from collections.abc import Iterator

import pytest

from tests.doubles.azurite.server import Azurite, missing
from tests.doubles.needs import skip_without


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Start the blob service; each test creates its own container."""
    skip_without(missing())
    with Azurite() as server:
        yield server
