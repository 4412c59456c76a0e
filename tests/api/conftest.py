"""An API on loopback over a store of its own, whose callers have tokens of a real issuer."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from metering import bootstrap
from metering.core.tenancy.producers import Binding
from metering.local.api import listener_on, local_api
from metering.settings.http import Auth, Http
from metering.settings.settings import Settings, SqliteStore
from tests.api.issuer import AUDIENCE, TENANT, Issuer, running_issuer
from tests.api.served import OF_ACME, OF_GLOBEX, PRODUCER, Served
from tests.builders import NOW


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as made:
        yield made


@pytest.fixture
def http(issuer: Issuer) -> Http:
    """Return the settings of the HTTP part; a test that needs others says so."""
    return Http(Auth(issuer.url, AUDIENCE, TENANT), rate_limit=None)


@pytest.fixture
def settings(tmp_path: Path, http: Http) -> Settings:
    """Return the settings of the app; a test that needs others says so."""
    return Settings(
        SqliteStore(tmp_path / "store.db"), automatic_tenants=False, fixed_now=NOW, http=http
    )


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[bootstrap.App]:
    """Return the use cases over a store with two tenants and a person of each."""
    made = bootstrap.App(settings)
    await made.tenancy.map_subject("sub-1", "acme", None)
    await made.tenancy.map_subject("sub-2", "globex", None)
    for number, tenant in ((OF_ACME, "acme"), (OF_GLOBEX, "globex")):
        person = f"user:00000000-0000-0000-0000-{number:012x}"
        await made.tenancy.set_member(person, tenant)
    of_producer = Binding(subjects=("sub-1", "sub-2"), sources=("/app",))
    await made.tenancy.bind_producer(PRODUCER, of_producer)
    yield made
    await made.close()


@pytest.fixture
async def api(app: bootstrap.App, issuer: Issuer) -> AsyncIterator[Served]:
    async with (
        local_api(app, listener_on(0)) as url,
        httpx2.AsyncClient(timeout=10) as client,
    ):
        yield Served(app, issuer, url, client)
