"""Taking stock: gauges of what somebody should look at, whatever else is broken."""

from typing import Any
from unittest.mock import ANY

from metering.app.ingest.ingest import Message
from metering.app.installation.collect_gauges import CollectGauges
from metering.app.ledger.reading import RECENT
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.installation.metrics import Gauge
from metering.ports import NO_LABELS, Labels, StoredHead
from metering.ports.telemetry import Silent
from tests.builders import AT, body, price_file

type System = Any


class Gauges(Silent):
    """Remembers what gauges were set to."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        self.values[" ".join((name, *labels.values()))] = value


async def taken(system: System) -> dict[str, int]:
    gauges = Gauges()
    await CollectGauges(
        tenancy=system.tenancy,
        ledgers=system.store,
        effects=system.effects,
        clock=system.clock,
        telemetry=gauges,
    ).run()
    return gauges.values


async def test_the_largest_segment_is_told(system: System) -> None:
    assert (await taken(system))["metering.ledger.segment_bytes"] == 0
    await ingest(system, body(), body(id="r-2", subject="sub-2", data__use_case="x" * 200))
    stored = await system.store.read_head(LedgerId("sub-2", month_of(AT).start))
    assert stored is not None
    told = (await taken(system))["metering.ledger.segment_bytes"]
    assert told == stored.head.segment_bytes > 1_000


async def ingest(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(one, "0", number) for number, one in enumerate(bodies)])


async def test_where_nothing_is_the_matter_there_is_nothing(system: System) -> None:
    await ingest(system, body())
    assert await taken(system) == {
        "metering.streams.pending": 0,
        "metering.effects.waiting": 0,
        "metering.usage.unpriced": 0,
        "metering.ledger.segment_bytes": ANY,
        # The prices of these tests were read on the day of their clock.
        "metering.prices.age_days a test": 0,
    }


async def test_a_source_without_a_date_has_no_age(system: System) -> None:
    undated = (
        price_file({"model": "new"}, version="v2")
        .replace(b'"retrieved": "2026-11-20"', b'"retrieved": "unknown"')
        .replace(b'"source": "a test"', b'"source": "another"')
    )
    await system.tenancy.publish_prices("v2", undated)
    assert [name for name in await taken(system) if "age_days" in name] == [
        "metering.prices.age_days a test"
    ]


async def test_what_waits_is_counted_over_all_ledgers(system: System) -> None:
    unpriced = [body(id=f"r-{n}", subject=f"sub-{n}", data__model="mystery") for n in range(3)]
    await ingest(system, *unpriced, body(id="s", data__tokens="pending", data__usage=...))
    (effect, *_) = await system.deliver.waiting(10)
    await system.effects.park(effect.effect, "no answer")
    assert await taken(system) == {
        "metering.streams.pending": 1,
        "metering.effects.waiting": 1,
        "metering.usage.unpriced": 3,
        "metering.ledger.segment_bytes": ANY,
        "metering.prices.age_days a test": 0,
    }


async def test_ledgers_of_long_ago_are_not_read(system: System) -> None:
    await ingest(system, body(data__model="mystery"))
    (ledger,) = await system.store.ledgers()
    for age, unpriced in ((RECENT, 1), (RECENT + 1, 0)):
        system.clock.set(ledger.start + age)
        assert (await taken(system))["metering.usage.unpriced"] == unpriced


async def test_a_broken_ledger_or_one_without_a_head_hides_no_other(
    system: System, monkeypatch: Any
) -> None:
    bodies = [body(id=f"r-{n}", subject=f"sub-{n}", data__model="mystery") for n in range(3)]
    await ingest(system, *bodies)
    read = system.store.read_head

    async def damaged(ledger: LedgerId) -> StoredHead | None:
        if ledger.tenant == "sub-0":
            raise LedgerBroken(str(ledger), "is damaged")
        return None if ledger.tenant == "sub-1" else await read(ledger)

    monkeypatch.setattr(system.store, "read_head", damaged)
    assert (await taken(system))["metering.usage.unpriced"] == 1
