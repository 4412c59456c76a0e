"""The store of `metering run` and `metering demo`: one of their own, unless told another."""

from typing import Annotated, Literal

import typer

from metering.core.basics.errors import ConfigurationError
from metering.settings.settings import Settings, SqliteStore, read_settings

Store = Annotated[
    str | None,
    typer.Option(
        help="Another store, such as sqlite:///PATH or the one in METERING_STORE; never Cosmos DB.",
        show_default=False,
    ),
]


def settings_for(purpose: Literal["run", "demo"], store: str | None) -> Settings:
    """Return the settings with the store of a command, whatever METERING_STORE names.

    Simulated usage belongs in no ledger that somebody is billed from.
    """
    try:
        settings = read_settings(store=store or own_store(purpose))
    except ConfigurationError as error:
        if store is None:
            raise
        raise typer.BadParameter(str(error), param_hint="--store") from None
    if not isinstance(settings.store, SqliteStore):
        raise typer.BadParameter(
            "simulated usage is never written to Cosmos DB: give sqlite:///PATH",
            param_hint="--store",
        )
    return settings


def own_store(purpose: str) -> str:
    """Return the store of a command, as METERING_STORE names it."""
    return f"sqlite:///.metering/{purpose}.db"


def elsewhere(settings: Settings) -> str:
    """Return the setting by which other commands find the store."""
    assert isinstance(settings.store, SqliteStore)
    return f"METERING_STORE=sqlite:///{settings.store.path}"
