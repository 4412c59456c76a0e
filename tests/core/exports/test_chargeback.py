"""Chargeback: figures by hand."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import pytest

from metering.core.basics.csv_text import csv_line
from metering.core.basics.instants import DAY, HOUR, Instant, to_datetime
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of, slot_of
from metering.core.deployments.deployment import read_deployment
from metering.core.deployments.served_by import ServedBy, served_by
from metering.core.exports import chargeback
from metering.core.exports.chargeback import By, Chargeback, Span
from metering.core.exports.chargeback_columns import MAX_LISTED
from metering.core.exports.chargeback_sum import MAX_KEPT
from metering.core.ledger.entry import Entry, Kind, Reference, State, Superseded
from metering.core.ledger.page import GENESIS, Page, seal
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, a_rate, dimensions

RATE = a_rate(input="2.5", cached_read="1.25", cache_write="3.125", output="10", reasoning="10")
UNPRICED = a_rate("new-model", version=None)


def state(
    *,
    rate: Rate = RATE,
    kind: Kind = Kind.USAGE,
    evidence: Evidence = Evidence.FULL,
    counts: dict[str, int] | None = None,
    **of: object,
) -> State:
    buckets = from_names({"input": 1000, "output": 100} if counts is None else counts)
    made = dimensions(**{"region": "eastus2", "product": "chat", **of})
    return State(kind, evidence, made, rate, buckets, amount_of(rate, buckets))


def entry(
    of: State, *, name: str = "r-1", time: Instant = AT, instead_of: State | None = None
) -> Entry:
    superseded = None if instead_of is None else Superseded(Reference(1, 0), instead_of)
    key = (of.dimensions.type, of.dimensions.source, name)
    return Entry(key, "d", time, NOW, None, of, superseded)


def page(*entries: Entry, tenant: str = "acme", committed: Instant = NOW) -> Page:
    ledger = LedgerId(tenant, month_of(AT).start)
    slot = slot_of(entries[0].time)
    return seal(ledger, slot, entries, number=1, previous=GENESIS, committed=committed)[0]


def rows(
    pages: Iterable[Page], by: By = "product", span: Span | None = None
) -> list[dict[str, str]]:
    report = Chargeback(by, span)
    for one in pages:
        report.add(one, "USD")
    lines = [
        csv_line([column.name for column in report.columns]),
        *(csv_line(row) for row in report.rows()),
    ]
    return list(csv.DictReader(io.StringIO("".join(lines), newline=""), strict=True))


def test_every_column_of_two_calls() -> None:
    served: dict[str, Any] = {"deployment": "Chat", "deployment_type": "data_zone"}
    cached = state(
        counts={"input": 600, "cached_read": 400, "output": 50, "reasoning": 50},
        backend="contoso",
        cache="miss",
        **served,
    )
    of_other = state(
        counts={"cache_write": 30},
        region="uksouth",
        subject="sub-2",
        backend="https://contoso.openai.azure.com",
        cache="none",
        **served,
    )
    found = rows([page(entry(cached), entry(of_other, name="r-2", time=AT + 1_000_000))])
    assert found == [
        {
            "product": "chat",
            "model": "gpt-4o",
            "deployment": "chat",
            "account": "contoso",
            "sku": "DataZoneStandard",
            "unit": "token",
            "currency": "USD",
            "calls": "2",
            "prompt_tokens": "1030",
            "completion_tokens": "100",
            "total_tokens": "1130",
            "quantity": "",
            "cached_tokens": "400",
            "cache_written_tokens": "30",
            # 400 of 1,030 is 0.38834…
            "cache_hit_share": "0.3883",
            "first_seen": "2026-11-20T11:45:00Z",
            "last_seen": "2026-11-20T11:45:01Z",
            "regions": "eastus2;uksouth",
            "callers": "sub-1;sub-2",
            "backends": "contoso;https://contoso.openai.azure.com",
            "caches": "miss;none",
            "tenants": "acme",
            "unpriced_calls": "0",
            "missing_calls": "0",
            "not_billable_calls": "0",
            "from_cache_calls": "0",
            # (600 x 2.50 + 400 x 1.25 + 100 x 10 + 30 x 3.125) / 1,000,000
            # = 0.0015 + 0.0005 + 0.001 + 0.00009375
            "amount": "0.00309375",
        }
    ]


def test_a_correction_leaves_what_it_replaces() -> None:
    before, after = state(), state(kind=Kind.CORRECTION, counts={"input": 2000, "output": 100})
    first = page(entry(before))
    (row,) = rows([first, page(entry(after, instead_of=before), committed=NOW + HOUR)])
    assert (row["calls"], row["prompt_tokens"], row["callers"]) == ("1", "2000", "sub-1")
    # 2,000 x 2.50 + 100 x 10 per million = 0.005 + 0.001.
    assert row["amount"] == "0.006"


def test_a_correction_that_names_another_product_moves_the_call() -> None:
    before = state(product="old", region="uksouth")
    after = state(kind=Kind.CORRECTION, product="new", region="eastus2")
    stays = state(product="old")
    pages = [
        page(entry(before)),
        page(entry(after, instead_of=before)),
        page(entry(stays, name="r-2", time=AT + DAY)),
    ]
    found = {row["product"]: row for row in rows(pages)}
    assert found["new"]["first_seen"] == "2026-11-20T11:45:00Z"
    assert (found["old"]["calls"], found["old"]["regions"]) == ("1", "eastus2")
    assert found["old"]["first_seen"] == "2026-11-21T11:45:00Z"
    assert [row["product"] for row in rows(pages[:2])] == ["new"]


def test_a_hold_is_not_counted_and_what_takes_its_place_is() -> None:
    hold = state(kind=Kind.HOLD, evidence=Evidence.ABSENT)
    assert rows([page(entry(hold))]) == []
    (row,) = rows([page(entry(hold)), page(entry(state(), instead_of=hold))])
    assert (row["calls"], row["amount"]) == ("1", "0.0035")


def test_what_has_no_price_has_no_amount_and_is_counted() -> None:
    unpriced = state(rate=UNPRICED)
    (row,) = rows([page(entry(unpriced))])
    assert (row["model"], row["calls"], row["unpriced_calls"]) == ("new-model", "1", "1")
    assert (row["total_tokens"], row["amount"]) == ("1100", "")


def test_missing_counts_and_refused_calls_are_told_beside_the_amount() -> None:
    missing = state(evidence=Evidence.MISSING, counts={})._replace(amount=None)
    refused = state(evidence=Evidence.ABSENT, counts={}, status=429)._replace(amount=0)
    one = page(entry(state()), entry(missing, name="r-2"), entry(refused, name="r-3"))
    (row,) = rows([one])
    assert (row["calls"], row["missing_calls"], row["not_billable_calls"]) == ("3", "1", "1")
    assert row["amount"] == "0.0035"


def test_another_meter_has_a_quantity_and_no_tokens() -> None:
    rate = RATE._replace(model="vector-search", unit="query")
    one = state(rate=rate, counts={"quantity": 2_500_000})._replace(amount=7)
    (row,) = rows([page(entry(one))])
    assert (row["unit"], row["quantity"], row["total_tokens"]) == ("query", "2.5", "0")
    assert (row["cache_hit_share"], row["amount"]) == ("", "0.000000000000000007")


def test_rows_are_by_product_tenant_or_use_case() -> None:
    pages = [
        page(entry(state(product=None, use_case="search"))),
        page(entry(state(use_case="search")), tenant="globex"),
    ]
    assert [(row["product"], row["tenants"]) for row in rows(pages)] == [
        ("", "acme"),
        ("chat", "globex"),
    ]
    assert [row["tenant"] for row in rows(pages, "tenant")] == ["acme", "globex"]
    (row,) = rows(pages, "use_case")
    assert (row["use_case"], row["tenants"], row["calls"]) == ("search", "acme;globex", "2")
    # Twice 0.0035.
    assert row["amount"] == "0.007"


def test_a_span_owns_its_start_and_not_its_end() -> None:
    one = page(entry(state()), entry(state(), name="r-2", time=AT + 1))
    (row,) = rows([one], span=Span(AT, AT + 1))
    assert (row["calls"], row["last_seen"]) == ("1", "2026-11-20T11:45:00Z")
    assert rows([one], span=Span(AT + 2, AT + HOUR)) == []


def test_names_beyond_a_number_are_counted() -> None:
    many = [
        entry(state(subject=f"sub-{number:03d}"), name=f"r-{number}")
        for number in range(MAX_LISTED + 2)
    ]
    (row,) = rows([page(*many)])
    assert row["callers"].endswith(";sub-099;and 2 more")


def test_a_correction_that_arrives_later_is_a_row_of_its_day_without_a_call() -> None:
    before, after = state(evidence=Evidence.TOTALS), state(counts={"input": 3000, "output": 100})
    corrected = page(entry(after, instead_of=before), committed=AT + 2 * DAY)
    arrived = Span(AT + DAY, AT + 3 * DAY, by_arrival=True)
    (row,) = rows([page(entry(before)), corrected], span=arrived)
    # 2,000 x 2.50 a million more than before.
    assert (row["calls"], row["prompt_tokens"], row["amount"]) == ("0", "2000", "0.005")
    assert (row["day"], row["first_seen"]) == (f"{to_datetime(AT):%Y-%m-%d}", "")


def test_the_data_is_as_of_the_last_page_that_counts() -> None:
    report = Chargeback("product", Span(AT, AT + HOUR))
    assert report.as_of is None
    report.add(page(entry(state()), committed=NOW), "USD")
    report.add(page(entry(state(), name="r-2", time=AT + DAY), committed=NOW + DAY), "USD")
    assert report.as_of == NOW


def test_totals_are_by_currency() -> None:
    report = Chargeback("tenant", None)
    report.add(page(entry(state())), "USD")
    report.add(page(entry(state()), tenant="globex"), "EUR")
    report.add(page(entry(state(), name="r-2"), tenant="initech"), "USD")
    totals = {currency: format_amount(amount) for currency, amount in report.totals().items()}
    assert totals == {"USD": "0.007", "EUR": "0.0035"}


def test_an_outcome_is_on_no_row() -> None:
    rate = a_rate("ticket_resolved")._replace(unit="outcome", units=(0,) * len(RATE.units))
    outcome = state(rate=rate, kind=Kind.OUTCOME, counts={"quantity": 1_000_000})
    found = rows([page(entry(state()), entry(outcome, name="o-1"))])
    assert [(row["model"], row["calls"]) for row in found] == [("gpt-4o", "1")]


def test_a_call_that_a_cache_answered_is_counted_apart() -> None:
    hit = state(evidence=Evidence.ABSENT, counts={}, cache="hit")._replace(amount=0)
    (row,) = rows([page(entry(state(cache="miss")), entry(hit, name="r-2"))])
    assert (row["calls"], row["from_cache_calls"], row["caches"]) == ("2", "1", "hit;miss")
    assert (row["not_billable_calls"], row["amount"]) == ("1", "0.0035")


def test_deployments_accounts_and_skus_have_rows_of_their_own() -> None:
    states = [
        state(deployment="a", backend="east", deployment_type="global"),
        state(deployment="A", backend="east", deployment_type="global"),
        state(deployment="a", backend="west", deployment_type="global"),
        state(deployment="a", backend="west", deployment_type="global", service_tier="batch"),
    ]
    found = rows([page(*(entry(one, name=f"r-{n}") for n, one in enumerate(states)))])
    assert [(row["deployment"], row["account"], row["sku"], row["calls"]) for row in found] == [
        ("a", "east", "GlobalStandard", "2"),
        ("a", "west", "GlobalBatch", "1"),
        ("a", "west", "GlobalStandard", "1"),
    ]


def test_rows_beyond_a_number_are_summed_as_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chargeback, "MAX_ROWS", 2)
    of_meter = state(rate=RATE._replace(model="search", unit="query"), counts={"quantity": 1})
    of_meter = of_meter._replace(amount=10**15)
    before, after = state(product="d"), state(kind=Kind.CORRECTION, product="a")
    report = Chargeback("product", None)
    pages = [
        page(*(entry(state(product=name), name=name) for name in "abc")),
        page(entry(before), entry(of_meter, name="m-1")),
        page(entry(after, instead_of=before)),
    ]
    for one in pages:
        part = Chargeback("product", None)
        part.add(one, "USD")
        report.absorb(part)
    found = [(row[0], row[1], row[5], row[7]) for row in report.rows()]
    # The call of product d is taken from the others again, and counts for product a.
    assert found == [
        ("(other names)", "(other names)", "(other names)", 1),
        ("(other names)", "(other names)", "token", 1),
        ("a", "gpt-4o", "token", 2),
        ("b", "gpt-4o", "token", 1),
    ]
    assert report.has_other_names
    # Four calls of 0.0035, and 0.001.
    assert format_amount(report.totals()["USD"]) == "0.015"


def test_names_that_no_cell_lists_are_not_kept_for_ever() -> None:
    many = [entry(state(subject=f"s{n:05}"), name=f"r-{n}") for n in range(MAX_KEPT + 5)]
    (row,) = rows([page(*many)])
    assert row["callers"].endswith(";s00099;and at least 900 more")
    assert row["calls"] == "1005"


UNITS = {
    "name": "Units",
    "account": "East",
    "model": "gpt-4o",
    "deployment_type": "provisioned",
    "provisioned": {"units": 50, "hourly_price": "1.10", "scope": "data_zone"},
}
BATCH = {
    "name": "night",
    "model": "gpt-4o",
    "deployment_type": "global",
    "service_tier": "batch",
}


@pytest.mark.parametrize(
    ("of", "known", "expected"),
    [
        ({}, None, ServedBy()),
        ({"deployment": "Chat", "backend": "https://East.x"}, None, ServedBy("chat", "east")),
        ({"deployment_type": "regional"}, None, ServedBy(sku="Standard")),
        ({"deployment_type": "regional", "service_tier": "batch"}, None, ServedBy(sku="Standard")),
        ({"deployment_type": "provisioned"}, None, ServedBy()),
        ({"deployment": "units"}, UNITS, ServedBy("Units", "east", "DataZoneProvisionedManaged")),
        (
            {"deployment": "units", "spillover": True, "backend": "west"},
            UNITS,
            ServedBy("Units", "west", "DataZoneStandard"),
        ),
        ({"deployment": "night"}, BATCH, ServedBy("night", None, "GlobalBatch")),
        (
            {"deployment": "night", "service_tier": "standard"},
            BATCH,
            ServedBy("night", None, "GlobalStandard"),
        ),
    ],
)
def test_what_served_a_call_follows_from_event_and_registry(
    of: dict[str, object], known: dict[str, object] | None, expected: ServedBy
) -> None:
    registered = None if known is None else read_deployment("d", known)
    assert served_by(dimensions(**of), registered) == expected
