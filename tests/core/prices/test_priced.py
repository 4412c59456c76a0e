"""What decides a price: the event's own fields, then the registry; and provisioned capacity."""

from typing import Any

import pytest

from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import BEGINNING
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.prices.rating import Rate
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, price_book, usage

PTU = Provisioned(
    units=50,
    hourly_price="1.1",
    scope="data_zone",
    weights={"cached_read": "0", "output": "4"},
)
ROWS: tuple[dict[str, Any], ...] = (
    {"aliases": ["gpt-4o-2024-11-20"]},
    {"deployment_type": "data_zone", "per_million_tokens": {"input": "2.75", "output": "11"}},
    {"deployment_type": "regional", "region": "eastus2", "per_million_tokens": {"input": "3"}},
    {"service_tier": "batch", "per_million_tokens": {"input": "1.25", "output": "5"}},
)


def deployed(**fields: Any) -> Record:
    made = Deployment(**{"name": "chat", "model": "gpt-4o", "deployment_type": "global", **fields})
    return Record("deployment", made.key, made.model_dump_json(), BEGINNING, NOW)


def terms(*records: Record) -> TermsBook:
    directory = Directory()
    directory.apply([Record("subject", "sub-1", "acme", BEGINNING, NOW), *records])
    return TermsBook(directory, price_book(*ROWS))


def rated(book: TermsBook, **changes: Any) -> tuple[Rate, str | None]:
    made = {"buckets": from_names({"input": 1_000_000}), "deployment": "chat", **changes}
    rate, amount = book.rate(usage(**made), AT)
    return rate, None if amount is None else format_amount(amount)


def test_the_registry_supplies_what_the_event_leaves_out() -> None:
    book = terms(deployed(deployment_type="data_zone"))
    assert rated(book, model=None)[1] == "2.75"
    assert rated(book, model=None, requested_model="whatever")[1] == "2.75"
    regional = terms(deployed(deployment_type="regional", region="eastus2"))
    assert rated(regional)[1] == "3"
    assert rated(terms(deployed(service_tier="batch")))[1] == "1.25"


def test_the_events_own_fields_win() -> None:
    book = terms(deployed(deployment_type="data_zone", service_tier="batch", region="westus"))
    assert rated(book, deployment_type="global", service_tier="standard")[1] == "2.5"
    unheard_of = rated(book, model="gpt-99", deployment_type="global", service_tier="standard")
    assert unheard_of[1] is None


def test_an_unknown_deployment_is_priced_by_the_model_that_the_response_named() -> None:
    rate, amount = rated(terms(), deployment="unheard-of", model="gpt-4o-2024-11-20")
    assert amount == "2.5"
    assert rate.model == "gpt-4o"


def test_the_deployment_may_travel_as_the_model_asked_for() -> None:
    book = terms(deployed())
    assert rated(book, deployment=None, model=None, requested_model="chat")[1] == "2.5"


def test_of_two_deployments_of_a_name_the_one_behind_the_backend_is_meant() -> None:
    book = terms(deployed(), deployed(account="aoai-eu", deployment_type="data_zone"))
    assert rated(book, backend="aoai-eu")[1] == "2.75"
    assert rated(book, backend="aoai-us")[1] == "2.5"


def test_a_hold_is_estimated_by_the_registry_or_by_the_model_asked_for() -> None:
    held = {"evidence": Evidence.HELD, "model": None}
    assert rated(terms(deployed(deployment_type="data_zone")), **held)[1] == "2.75"
    assert rated(terms(), requested_model="gpt-4o", **held)[1] == "2.5"


def test_a_change_of_a_deployment_prices_what_comes_after_it_and_nothing_before() -> None:
    change = deployed(deployment_type="data_zone")._replace(effective=AT + 1)
    book = terms(deployed(), change)
    counted = usage(deployment="chat", buckets=from_names({"input": 1_000_000}))
    assert format_amount(book.rate(counted, AT)[1] or 0) == "2.5"
    assert format_amount(book.rate(counted, AT + 1)[1] or 0) == "2.75"
    assert format_amount(book.rate(counted, AT)[1] or 0) == "2.5"


def test_provisioned_capacity_costs_nothing_at_the_margin_and_is_weighted() -> None:
    book = terms(deployed(deployment_type="provisioned", provisioned=PTU))
    rate, amount = rated(book)
    assert amount == "0"
    assert rate.is_priced
    assert rate.row == "chat/provisioned"
    assert rate.version == "deployments@1970-01-01T00:00:00Z"
    assert rate.weights == (
        *(1_000_000, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 0),
        *(4_000_000, 1_000_000, 1_000_000, 4_000_000, 0),
    )


def test_what_spilled_over_is_paid_at_the_standard_rate_of_where_it_went() -> None:
    book = terms(deployed(deployment_type="provisioned", provisioned=PTU))
    assert rated(book, spillover=True)[1] == "2.75"
    assert rated(book, spillover=True, deployment_type="global")[1] == "2.5"
    assert rated(terms(), spillover=True, deployment_type="provisioned")[1] == "2.5"


@pytest.mark.parametrize("records", [(), (deployed(),)])
def test_provisioned_capacity_that_nobody_registered_has_no_known_price(
    records: tuple[Record, ...],
) -> None:
    rate, amount = rated(terms(*records), deployment_type="provisioned")
    assert amount is None
    assert not rate.is_priced


def test_a_card_is_kept_no_longer_than_the_registry_says_the_same() -> None:
    book = terms(deployed(), deployed(deployment_type="data_zone")._replace(effective=AT + DAY))
    counted = usage(deployment="chat", buckets=from_names({"input": 1_000_000}))
    assert book.rate(counted, AT) == book.rate(counted, AT + DAY - 1)
    assert book.rate(counted, AT) != book.rate(counted, AT + DAY)
