"""A tenant with every kind of charge, closed twice, and its FOCUS exports read back."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.billing.close_periods import GRACE
from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.focus_export import FocusExport
from metering.app.ingest.ingest import Message
from metering.core.basics.instants import DAY, HOUR, Instant, format_instant
from metering.core.calendars.periods import parse_month
from metering.core.deployments.deployment import read_deployment
from metering.core.exports.delivery_manifest import Manifest, Window
from metering.core.plans.plan import Plan
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import body, meter_event, price_file

OCTOBER, NOVEMBER, DECEMBER = (parse_month(f"2026-{month}") for month in (10, 11, 12))
DUE: Final = NOVEMBER.end + GRACE
ISSUER: Final = "Contoso Platform"

UNITS: Final = {
    "name": "units",
    "model": "gpt-4o",
    "deployment_type": "provisioned",
    "provisioned": {"units": 50, "hourly_price": "1.10", "scope": "data_zone"},
}

type Row = dict[str, str]

#: Tokens that are free, two graduated steps over output, packages of cached tokens, a markup.
EVERYTHING: Final = {
    "markup": "0.1",
    "base_fee": "20",
    "minimum": "22",
    "request_fee": "0.001",
    "allowance": [
        {"tokens": 2500, "meters": [{"bucket": "input"}, {"bucket": "output"}]},
        {"amount": "0.002"},
    ],
    "tiers": [
        {
            "mode": "graduated",
            "meters": [{"model": "gpt-4o", "bucket": "output"}],
            "steps": [
                {"up_to": 150, "price_per_million": "9"},
                {"up_to": None, "price_per_million": "7"},
            ],
        }
    ],
    "packages": [{"meters": [{"bucket": "cached_read"}], "size": 1000, "price": "0.01"}],
}


async def send(system: Any, made: bytes) -> None:
    """Count one event."""
    done = await system.ingest.batch([Message(made, "0", 0)])
    assert done.accepted == 1, done


async def use(system: Any, name: str, at: Instant, **changes: Any) -> None:
    """Count a request of acme: 1,000 tokens in and 100 out unless told otherwise."""
    changes = {"subject": "acme", **changes}
    await send(system, body(id=name, time=format_instant(at), **changes))


async def a_month_of_everything(system: Any) -> None:
    """Use every kind of thing in November, from two tenants."""
    await system.tenancy.publish_prices("v2", price_file(version="v2", meters=[{}]))
    await system.tenancy.define_plan(Plan.model_validate({"id": "all", **EVERYTHING}), None)
    await system.tenancy.assign_plan("acme", "all", None)
    await system.tenancy.map_subject("acme", "acme", None)
    await system.tenancy.define_deployment(read_deployment("d.yaml", UNITS), None)
    await use(system, "first", NOVEMBER.start + DAY)
    prompt = {"prompt_tokens": 2000, "prompt_tokens_details": {"cached_tokens": 400}}
    counts = {**prompt, "completion_tokens": 100, "total_tokens": 2100}
    dimensions = {"data__product": "chat", "data__use_case": "=support", "data__region": "eastus"}
    await use(
        system,
        "second",
        NOVEMBER.start + 4 * DAY,
        data__usage=counts,
        data__deployment="=HYPERLINK(1)",
        **dimensions,
    )
    units = {"data__deployment": "units", "data__deployment_type": "provisioned"}
    await use(system, "third", NOVEMBER.start + 5 * DAY, **units)
    search = meter_event(subject="acme", time=format_instant(NOVEMBER.start + 2 * DAY))
    await send(system, json.dumps(search).encode())
    await use(system, "theirs", NOVEMBER.start + HOUR, subject="beta")
    await system.tenancy.add_grant(GrantOffer("acme", "5"))
    await system.tenancy.adjust(AdjustmentOffer("acme", "-1.2345", "an outage", "ann"))


async def late_usage_and_december(system: Any) -> None:
    """Use something of November after it was closed, and of December, and adjust November."""
    system.clock.set(DECEMBER.start + 9 * DAY)
    await use(system, "late", NOVEMBER.start + 27 * DAY)
    await use(system, "next", DECEMBER.start + DAY)
    offer = AdjustmentOffer("acme", "3", "a service desk", "ann", charge_period="2026-11")
    await system.tenancy.adjust(offer)


async def export(
    system: Any, folder: Path, window: Window, tenant: str | None = None, *, gzip: bool = False
) -> Manifest:
    """Deliver FOCUS into a folder."""
    closed = ClosedPeriods(system.statements, system.tenancy, window, tenant)
    report = FocusExport(closed, system.store, system.tenancy, ISSUER)
    return await DeliverExports(ExportFolder(folder), flat=True).deliver(report, gzip=gzip)


def rows_in(folder: Path, name: str) -> list[Row]:
    """Return the rows of an export."""
    text = (folder / f"focus-{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def total(rows: list[Row], column: str = "BilledCost", **having: str) -> Decimal:
    """Return the exact sum of a column over the rows that have some values."""
    return sum(
        (
            Decimal(row[column])
            for row in rows
            if all(row[name] == value for name, value in having.items())
        ),
        Decimal(0),
    )
