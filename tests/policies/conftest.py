"""The gateway of the tests, compiled once a session; skipped without Mono, but never in CI."""

import os
from collections.abc import Iterator

import pytest

from tests.policies.gateway import Gateway, missing


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    lacking = missing()
    if lacking is not None:
        if os.environ.get("CI"):
            pytest.fail(lacking)
        pytest.skip(lacking)
    made = Gateway(tmp_path_factory.mktemp("gateway"))
    yield made
    made.close()
