"""The smoke test of a deployment against a system and a gateway on this machine."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from metering import bootstrap
from metering.adapters.azure.model_calls import GatewayCalls
from metering.app.installation.smoke_test import Waits
from metering.core.installation.finding import Finding
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import local_system
from metering.settings.settings import Settings, SqliteStore

_TENANT: Final = "metering-smoke-test"
_MODEL: Final = "gpt-4o"


async def simulated(waits: Waits) -> AsyncIterator[Finding]:
    """Yield the findings of the smoke test over a store that is thrown away."""
    with TemporaryDirectory() as folder:
        app = bootstrap.App(Settings(SqliteStore(Path(folder) / "smoke.db")))
        await app.tenancy.map_subject(_TENANT, _TENANT, None)
        async with (
            local_system(app, "smoke", lambda *_: None) as system,
            local_gateway(system, listener_on(0)) as gateway,
        ):
            calls = GatewayCalls(
                f"{gateway.url}/openai",
                key_of(_TENANT),
                _MODEL,
                dialect="openai",
                use_case_header="x-use-case",
            )
            test = app.smoke_test(calls)
            async for finding in test.run(_TENANT, uuid.uuid4().hex[:12], waits):
                yield finding
