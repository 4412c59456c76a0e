"""The chargeback report over a store: two tenants, corrections, what has no price."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.exports.chargeback import ChargebackReport, Scope
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.export_selection import named_window
from metering.core.basics.errors import ConfigurationError, LedgerBroken, RetryableError
from metering.core.basics.instants import format_instant, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId
from metering.core.deployments.deployment import read_deployment
from metering.core.deployments.served_by import ServedBy
from metering.core.exports import chargeback
from metering.core.exports.delivery_manifest import Manifest
from metering.core.exports.windows import span_window
from metering.core.ledger.page import seal
from metering.core.plans.plan import Plan
from metering.core.plans.terms import Override
from metering.core.prices.discount import Discount
from metering.core.tenancy import serving
from metering.core.tenancy.directory import Directory
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.ports import StoredHead
from tests.app.committing import LEDGER, commit
from tests.app.exporting import content_of, contents, table, use
from tests.app.rolling import change
from tests.builders import NOW, dimensions, usage

type System = Any
type Delivered = tuple[Manifest, list[dict[str, str]]]

NOVEMBER = named_window("2026-11")


@pytest.fixture
def report(system: System, tmp_path: Path) -> Callable[[Scope], Any]:
    async def deliver(scope: Scope) -> Delivered:
        folder = tmp_path / "out"
        exports = DeliverExports(ExportFolder(folder), flat=True)
        manifest = await exports.deliver(ChargebackReport(system.store, system.tenancy, scope))
        return manifest, table(contents(folder)[manifest.files[0].name])

    return deliver


async def test_calls_of_two_tenants_a_correction_and_one_without_a_price(
    system: System, report: Callable[[Scope], Any]
) -> None:
    await use(system, "a-1", subject="acme", data__product="chat")
    # Counts from a log first, then all of them: a correction.
    counts = from_names({"input": 2000})
    from_log = usage("a-2", evidence=Evidence.TOTALS, product="chat")
    await commit(system, from_log)
    await commit(system, usage("a-2", digest="d2", product="chat", buckets=counts))
    of_globex = {"subject": "globex", "data__product": "chat"}
    few = {"prompt_tokens": 10, "completion_tokens": 0}
    await use(system, "g-1", **of_globex, data__usage=few)
    await use(system, "g-2", **of_globex, data__model="never-priced")
    manifest, rows = await report(Scope(NOVEMBER))
    found = [(row["product"], row["model"], row["sku"], row["amount"]) for row in rows]
    assert found == [
        # Corrected, 2,000 x 2.50 per million = 0.005 of acme's, which names no deployment type.
        ("chat", "gpt-4o", "", "0.005"),
        # 0.0035 of acme's, and 10 x 2.50 per million = 0.000025 of globex's.
        ("chat", "gpt-4o", "GlobalStandard", "0.003525"),
        ("chat", "never-priced", "GlobalStandard", ""),
    ]
    assert rows[1]["tenants"] == "acme;globex"
    assert [row["unpriced_calls"] for row in rows] == ["0", "0", "1"]
    assert manifest.totals == {"USD": 8_525 * 10**12}
    assert manifest.as_of == NOW
    assert "before allowances" in manifest.notes["amount"]


async def test_of_one_tenant_only_its_own(system: System, report: Callable[[Scope], Any]) -> None:
    await use(system, "a-1", subject="acme")
    await use(system, "g-1", subject="globex")
    manifest, rows = await report(Scope(NOVEMBER, "globex", "tenant"))
    assert [(row["tenant"], row["amount"]) for row in rows] == [("globex", "0.0035")]
    assert (manifest.kind, manifest.tenant) == ("chargeback-by-tenant", "globex")
    assert manifest.files[0].name == "chargeback-by-tenant-2026-11.csv"


async def test_a_stream_counts_once_its_counts_are_there(
    system: System, report: Callable[[Scope], Any]
) -> None:
    hold = {"prompt_tokens_estimate": 500, "max_output_tokens": 100}
    changes = {"data__tokens": "pending", "data__usage": None, "data__hold": hold}
    await use(system, "a-1", subject="acme", **changes)
    assert (await report(Scope(NOVEMBER)))[1] == []
    await use(system, "a-1", subject="acme")
    _, (row,) = await report(Scope(NOVEMBER))
    assert (row["calls"], row["amount"]) == ("1", "0.0035")


async def test_a_span_takes_parts_of_several_periods(
    system: System, report: Callable[[Scope], Any]
) -> None:
    edge = parse_instant("2026-11-01T00:00:00Z")
    for name, time in (("o", edge - 1), ("n", edge), ("late", edge + 2)):
        await use(system, name, subject="acme", time=format_instant(time))
    _, (row,) = await report(Scope(span_window(edge - 1, edge + 2)))
    assert (row["calls"], row["first_seen"]) == ("2", "2026-10-31T23:59:59.999999Z")
    _, (row,) = await report(Scope(named_window("2026-10")))
    assert row["calls"] == "1"
    assert (await report(Scope(span_window(edge - 20, edge - 10))))[1] == []


async def test_what_no_tenant_calls_a_period_is_refused(
    system: System, report: Callable[[Scope], Any]
) -> None:
    await use(system, "a-1")
    # One that was there without usage is empty; one before the first record, or to come, is none.
    system.clock.set(parse_instant("2026-12-02T00:00:00Z"))
    assert (await report(Scope(named_window("2026-12"))))[1] == []
    for name in ("2025-01", "2027-01", "2026-11-03", "2026-11-02T00:00:00Z"):
        with pytest.raises(ConfigurationError, match=f"period '{name}': no tenant had"):
            await report(Scope(named_window(name)))
    for name in ("../2026", "2026-13", "2026-W44"):
        with pytest.raises(ConfigurationError, match="write it like 2026-11"):
            named_window(name)


async def test_a_period_goes_by_its_start_too(
    system: System, report: Callable[[Scope], Any]
) -> None:
    await use(system, "a-1")
    _, by_start = await report(Scope(named_window("2026-11-01T00:00:00Z")))
    assert by_start == (await report(Scope(NOVEMBER)))[1] != []
    assert named_window("2026-11-01T00:00:00Z").file_name == "2026-11-01T000000Z"
    # The same instant with an offset is the same window, whose files have the same names.
    assert named_window("2026-11-01T01:00:00+01:00") == named_window("2026-11-01T00:00:00Z")


async def test_progress_is_told_by_pages(system: System) -> None:
    await use(system, "a-1", subject="acme")
    await use(system, "g-1", subject="globex")
    told: list[int] = []
    report = ChargebackReport(system.store, system.tenancy, Scope(NOVEMBER), told.append)
    async for file in report.files():
        async for _ in content_of(file):
            pass
    assert format_amount(report.totals()["USD"]) == "0.007"
    assert told == [1, 1]


async def test_a_page_that_is_not_there_stops_the_export(
    system: System, report: Callable[[Scope], Any], tmp_path: Path
) -> None:
    for name in ("a-1", "a-2"):
        await use(system, name, subject="acme")
    await change(system, "DELETE FROM pages WHERE number = 1")
    with pytest.raises(LedgerBroken, match="acme.*: page 1 is missing: page 2 follows"):
        await report(Scope(NOVEMBER))
    await change(system, "DELETE FROM pages")
    with pytest.raises(RetryableError, match="page 1 is not there yet"):
        await report(Scope(NOVEMBER))
    assert contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("previous", "about"),
    [
        ("f" * 64, "page 2 does not follow the page before it"),
        (None, "page 2 does not have the hash that was recorded for it"),
    ],
)
async def test_pages_that_do_not_add_up_stop_the_export(
    system: System,
    report: Callable[[Scope], Any],
    tmp_path: Path,
    previous: str | None,
    about: str,
) -> None:
    for name in ("a-1", "a-2"):
        await use(system, name, subject="acme")
    first, second = [page async for page in system.store.pages(LEDGER)]
    stored = await system.store.read_head(LEDGER)
    assert stored is not None
    await system.store.write_checkpoint(stored.head)
    _, other = seal(
        LEDGER,
        second.slot,
        second.entries,
        number=2,
        previous=previous or first.hash,
        committed=second.committed + 1,
    )
    await change(system, "UPDATE pages SET document = ? WHERE number = 2", other)
    with pytest.raises(LedgerBroken, match=about):
        await report(Scope(NOVEMBER))
    assert contents(tmp_path / "out") == {}


async def test_what_is_committed_meanwhile_is_left_to_the_next_export(
    system: System, report: Callable[[Scope], Any]
) -> None:
    await use(system, "a-1", subject="acme")
    before = await system.store.read_head(LEDGER)
    await use(system, "a-2", subject="acme")

    async def read_before(ledger: LedgerId) -> StoredHead | None:
        return before if ledger == LEDGER else None

    # The head is read before that commit and the pages after it.
    system.store.read_head = read_before
    _, (row,) = await report(Scope(NOVEMBER))
    assert row["calls"] == "1"


async def test_the_registry_says_what_served_a_call_at_its_time(
    system: System, report: Callable[[Scope], Any]
) -> None:
    for account, since in (("East", "2026-11-01"), ("West", "2026-11-20")):
        await system.tenancy.define_deployment(
            read_deployment(
                "d",
                {
                    "name": "Chat",
                    "account": account,
                    "model": "gpt-4o",
                    "deployment_type": "global",
                },
            ),
            parse_instant(f"{since}T00:00:00Z"),
        )
    before = "2026-11-19T23:59:59Z"
    await use(system, "a-1", data__deployment="CHAT", data__backend="east", time=before)
    await use(system, "a-2", data__deployment="chat", data__backend="west")
    await use(system, "a-3", data__deployment="other", data__backend="west")
    _, rows = await report(Scope(NOVEMBER))
    assert [(row["deployment"], row["account"], row["calls"]) for row in rows] == [
        ("Chat", "east", "1"),
        ("Chat", "west", "1"),
        ("other", "west", "1"),
    ]


async def test_rows_beyond_a_number_are_told_in_the_manifest(
    system: System, report: Callable[[Scope], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chargeback, "MAX_ROWS", 1)
    for product in ("a", "b"):
        await use(system, product, data__product=product)
    manifest, rows = await report(Scope(NOVEMBER))
    assert [row["product"] for row in rows] == ["(other names)", "a"]
    assert "further names are summed as (other names)" in manifest.notes["other_names"]
    assert manifest.totals == {"USD": 7 * 10**15}


def test_lookups_of_names_that_callers_choose_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_MAX_KEPT", 2)
    found = serving.Serving(Directory())
    for name in ("a", "b", "c", "a"):
        assert found.of(dimensions(deployment=name), NOW) == ServedBy(name)
    assert found.of(dimensions(), NOW) == ServedBy()


async def test_the_report_of_all_tenants_says_what_calls_cost_and_that_of_one_does_not(
    system: System, report: Callable[[Scope], Any]
) -> None:
    dear = Plan(id="dear", markup="1")
    flat = Plan(id="flat", overrides=(Override(model="gpt-4o", price_per_million="4"),))
    for tenant, plan in (("acme", dear), ("globex", flat)):
        await system.tenancy.define_plan(plan, None)
        await system.tenancy.assign_plan(tenant, plan.id, None)
        await system.tenancy.map_subject(tenant, tenant, None)
    await system.tenancy.set_discount(Discount(percent="10"), parse_instant("2026-11-01T00:00:00Z"))
    await use(system, "a-1", subject="acme", data__product="chat")
    # A regional deployment has no list price here, only one of the plan: 1,100 x 4 a million.
    await use(
        *(system, "g-1"),
        subject="globex",
        data__model="gpt-4o",
        data__deployment_type="regional",
        data__product="flat",
    )
    await use(system, "g-2", subject="globex", data__product="new", data__model="never-priced")
    _, rows = await report(Scope(NOVEMBER))
    found = [(row["product"], row["amount"], row["cost"], row["margin"]) for row in rows]
    # 0.0035 at list prices: acme is charged twice as much, and it costs 0.0035 x 0.9 = 0.00315.
    assert found == [
        ("chat", "0.007", "0.00315", "0.00385"),
        ("flat", "0.0044", "", ""),
        ("new", "", "", ""),
    ]
    assert [row["uncosted_calls"] for row in rows] == ["0", "1", "0"]
    _, rows = await report(Scope(NOVEMBER, "acme"))
    assert not {"cost", "margin", "uncosted_calls"} & rows[0].keys()
