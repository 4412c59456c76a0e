"""The local system for one measurement: a tenant on a capped plan, part of it spent before."""

import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.overshoot_clients import MODEL, SUBSCRIPTION
from metering import bootstrap
from metering.app.hubs.batch import USAGE_HUB
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount, format_amount
from metering.core.calendars.periods import LedgerId
from metering.local.demo.trace import TraceRow
from metering.local.demo.traffic import MODELS, Request, body
from metering.local.system import LocalSystem, local_system
from metering.settings.settings import Settings, SqliteStore

TENANT: Final = "contoso"
#: What a million tokens of the model's input and output cost, in units of 10^-18 a token.
INPUT_UNITS: Final[Amount] = 2_500_000_000_000
OUTPUT_UNITS: Final[Amount] = 10_000_000_000_000

_MODEL: Final = next(model for model in MODELS if model.name == MODEL)


@asynccontextmanager
async def capped_system(limit: Amount) -> AsyncIterator[LocalSystem]:
    """Run the whole system by the machine's clock while the context is open, in a new folder."""
    before = list(sys.path)
    # That a limit is reached is no news here.
    logging.getLogger("metering").addHandler(logging.NullHandler())
    with TemporaryDirectory(prefix="metering-overshoot-") as folder:
        app = bootstrap.App(
            Settings(SqliteStore(Path(folder) / "store.db"), _tenants(Path(folder), limit), False)
        )
        try:
            async with local_system(app, "bench", _fail) as system:
                yield system
        finally:
            # The worker puts the function app's folder there.
            sys.path[:] = before


def _tenants(folder: Path, limit: Amount) -> Path:
    cap = {"metric": "amount", "window": "period", "limit": format_amount(limit), "action": "block"}
    file = folder / "tenants.json"
    plans = [{"id": "capped", "quotas": [cap]}]
    tenants = [{"id": TENANT, "plan": "capped", "subscriptions": [SUBSCRIPTION]}]
    file.write_text(json.dumps({"plans": plans, "tenants": tenants}))
    return file


def _fail(function: str, error: Exception) -> None:
    raise MeteringError(f"{function} failed") from error


def send_usage(system: LocalSystem, number: int, tokens: int, now: Instant) -> None:
    """Send the event of a request with so many tokens of input, as the gateway would."""
    row = TraceRow(number, now, tokens, 0)
    request = Request(row, SUBSCRIPTION, _MODEL, 0, 0, 0, repeated=False)
    system.hub.send(USAGE_HUB, [(body(request, now, "bench"), SUBSCRIPTION)])


class Committed(NamedTuple):
    """The state after one page."""

    at: Instant
    total: Amount
    """The usage that quotas count, open holds included."""
    requests: int
    """The requests with an amount."""


async def committed(system: LocalSystem, ledger: LedgerId) -> list[Committed]:
    """Return the state after each page."""
    total, requests, found = 0, 0, []
    async for page in system.app.ledgers.pages(ledger):
        for entry in page.entries:
            total += entry.state.amount or 0
            if entry.supersedes is not None:
                total -= entry.supersedes.state.amount or 0
            elif entry.state.amount:
                requests += 1
        found.append(Committed(page.committed, total, requests))
    return found
