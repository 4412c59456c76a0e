"""Selects the ledgers that an export covers."""

from collections.abc import Iterable

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import format_instant, parse_instant
from metering.core.calendars.calendars import Calendars
from metering.core.calendars.periods import LedgerId
from metering.core.exports.delivery_manifest import Window
from metering.ports import LedgerStore


async def ledgers_in(
    store: LedgerStore, tenancy: Tenancy, window: Window, tenant: str | None
) -> list[LedgerId]:
    """Return the ledgers in a window, by tenant and start.

    A window by name selects each tenant's period of that name or start in its own calendar; a
    window by span selects all ledgers that overlap it. Raises ConfigurationError for a period that
    no tenant has.
    """
    await tenancy.refresh()
    periods = [
        (ledger, tenancy.directory.period_of(ledger)) for ledger in await store.ledgers(tenant)
    ]
    if window.span is not None:
        start, end = window.span
        return [ledger for ledger, of in periods if of.start < end and start < of.end]
    find = tenancy.directory.find_period
    found = [ledger for ledger, of in periods if find(ledger.tenant, window.name) == of]
    if not found:
        must_have(tenancy, window.name, tenant)
    return found


def named_window(name: str) -> Window:
    """Return the window of a period by name or start. ConfigurationError if no calendar has it.

    A start is named in UTC, whatever its offset: equal windows are one delivery.
    """
    try:
        Calendars().find(name)
    except ValueError as fault:
        raise ConfigurationError(f"period {fault}") from None
    return Window(name if "T" not in name.upper() else format_instant(parse_instant(name)))


def must_have(tenancy: Tenancy, name: str, tenant: str | None) -> None:
    """Raise ConfigurationError unless a tenant has the period: begun, and after its first record.

    A period without usage is not an error.
    """
    directory, now = tenancy.directory, tenancy.clock.now()
    chosen: Iterable[str] = directory.tenants() if tenant is None else [tenant]
    for one in chosen:
        period, since = directory.find_period(one, name), directory.since(one)
        if period is not None and since is not None and period.start <= now and since < period.end:
            return
    who = "no tenant" if tenant is None else f"tenant {tenant!r} never"
    raise ConfigurationError(
        f"period {name!r}: {who} had such a period by {format_instant(now)}; nothing was delivered"
    )
