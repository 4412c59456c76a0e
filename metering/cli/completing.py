"""Completion in the shell: names that the store knows."""

import asyncio
from collections.abc import Awaitable, Callable

from metering import bootstrap
from metering.core.basics.errors import MeteringError
from metering.settings.settings import SqliteStore


def tenants(incomplete: str) -> list[str]:
    """Return the tenants whose id begins so."""

    async def read(app: bootstrap.App) -> list[str]:
        return await app.read.tenants()

    return _beginning(incomplete, read)


def models(incomplete: str) -> list[str]:
    """Return the models and meters with a price whose name begins so."""

    async def read(app: bootstrap.App) -> list[str]:
        await app.tenancy.refresh()
        return sorted(set(app.tenancy.prices.models()))

    return _beginning(incomplete, read)


def _beginning(incomplete: str, read: Callable[[bootstrap.App], Awaitable[list[str]]]) -> list[str]:
    async def answer(app: bootstrap.App) -> list[str]:
        app.disable_telemetry()
        try:
            return [name for name in await read(app) if name.startswith(incomplete)]
        finally:
            await app.close()

    try:
        app = bootstrap.current()
        store = app.settings.store
        # A key press neither makes a store nor waits for a server.
        if not isinstance(store, SqliteStore) or not store.path.exists():
            return []
        return asyncio.run(answer(app))
    except MeteringError:
        # The command itself says what is wrong; a completion has no place to say it.
        return []
