"""Selects the ledgers that an export covers."""

import re
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.calendars import Calendars
from metering.core.calendars.periods import LedgerId
from metering.core.exports.delivery_manifest import Window
from metering.ports import LedgerStore

_NAME: Final = re.compile(r"[0-9]{4}-[0-9A-Za-z.-]{1,20}")


async def ledgers_in(
    store: LedgerStore, tenancy: Tenancy, window: Window, tenant: str | None
) -> list[LedgerId]:
    """Return the ledgers in a window, by tenant and start.

    A window by name selects each tenant's period of that name in its own calendar; a window by span
    selects all ledgers that overlap it. Raises ConfigurationError for a name that is neither a
    month nor any tenant's period.
    """
    await tenancy.refresh()
    periods = [
        (ledger, tenancy.directory.period_of(ledger)) for ledger in await store.ledgers(tenant)
    ]
    if window.span is not None:
        start, end = window.span
        return [ledger for ledger, of in periods if of.start < end and start < of.end]
    found = [ledger for ledger, of in periods if of.name == window.name]
    if not found:
        must_be_a_name(window.name, "no tenant has usage in one of it")
    return found


def named_window(name: str) -> Window:
    """Return the window of a period by name. Raises ConfigurationError for a malformed name."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"period {name!r}: write it like 2026-11")
    return Window(name)


def must_be_a_name(name: str, reason: str) -> None:
    """Raise ConfigurationError, with a reason, for a name that no calendar gives to a period."""
    try:
        Calendars().find(name)
    except ValueError:
        raise ConfigurationError(f"period {name!r}: {reason}") from None
