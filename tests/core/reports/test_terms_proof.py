"""Entries against the terms: what the registry and the price versions do not give is named."""

from typing import Any

import pytest

from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.entry import Entry
from metering.core.ledger.head import Head
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.reports.terms_proof import TermsProof
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, price_book, price_rows, usage

LEDGER = LedgerId("acme", month_of(AT).start)
OWN_PRICE = Plan.model_validate(
    {"id": "own", "overrides": [{"model": "house", "price_per_million": "3"}]}
)
PRIORITY_ROW = {"service_tier": "priority"}


def directory(*records: Record) -> Directory:
    made = Directory()
    made.apply([Record("subject", "sub-1", "acme", BEGINNING, NOW), *records])
    return made


def entry(one: Usage, terms: Directory, prices: PriceBook) -> Entry:
    """Return the entry that counting a usage makes."""
    done = plan_commit(Head(LEDGER), {}, [one], TermsBook(terms, prices).rate, NOW)
    return done.pages[0].entries[0]


def wrong(one: Entry, terms: Directory, prices: PriceBook) -> list[str]:
    return list(TermsProof(LEDGER, terms, prices).wrong_with(one))


def rerated(one: Entry, **changes: Any) -> Entry:
    return one._replace(state=one.state._replace(rate=one.state.rate._replace(**changes)))


def test_what_counting_makes_is_right() -> None:
    prices, terms = price_book(), directory()
    for one in (usage(), usage(model="unknown"), usage(evidence=Evidence.HELD)):
        assert wrong(entry(one, terms, prices), terms, prices) == []


def test_a_price_of_its_day_stays_right_when_a_later_version_has_another() -> None:
    then, terms = price_book(), directory()
    (cheap,) = price_rows({"per_million_tokens": {"input": "1", "output": "1"}})
    now = then.with_version([(cheap[0], cheap[1]._replace(version="v2"))])
    made = entry(usage(), terms, then)
    assert wrong(made, terms, now) == []
    halved = rerated(made, units=tuple(unit and unit // 2 for unit in made.state.rate.units))
    assert wrong(halved, terms, now) == [
        (
            "its unit prices are not those of row 'gpt-4o/global/any/standard' of price version"
            " 'v1' under plan default"
        )
    ]


def test_a_deployment_that_was_registered_after_its_requests_changes_none_of_them() -> None:
    prices = price_book({}, {"deployment_type": "data_zone"})
    value = '{"name": "chat", "model": "gpt-4o", "deployment_type": "data_zone"}'
    later = directory(Record("deployment", "chat", value, BEGINNING, NOW))
    made = entry(usage(deployment="chat"), directory(), prices)
    assert wrong(made, later, prices) == []


def test_a_plans_own_price_follows_from_the_plan() -> None:
    terms = directory(
        Record("plan", "own", OWN_PRICE.model_dump_json(), BEGINNING, NOW),
        Record("tenant_plan", "acme", "own", BEGINNING, NOW),
    )
    made = entry(usage(model="house"), terms, price_book())
    assert made.state.rate.version == "plan:own"
    assert wrong(made, terms, price_book()) == []
    free = rerated(made, units=tuple(unit and 0 for unit in made.state.rate.units))
    assert wrong(free, terms, price_book()) == ["its unit prices are not those of plan own"]


@pytest.mark.parametrize("version", ["outcome", "deployments@2026-11-01T00:00:00Z"])
def test_a_request_is_not_free_under_the_rate_of_something_else(version: str) -> None:
    prices, terms = price_book(), directory()
    made = rerated(entry(usage(), terms, prices), version=version)
    assert wrong(made, terms, prices) == [f"its rate is not what {version} gives"]


def test_a_row_of_the_same_name_is_of_one_channel() -> None:
    prices, terms = price_book(), directory()
    made = rerated(entry(usage(), terms, prices), channel="marketplace")
    assert "is for other requests" in wrong(made, terms, prices)[0]


def test_long_prompts_of_priority_deployments_may_have_the_standard_row() -> None:
    prices, terms = price_book({}, PRIORITY_ROW), directory()
    standard = entry(usage(), terms, prices)
    state = standard.state
    of = state.dimensions._replace(service_tier="priority")
    made = standard._replace(state=state._replace(dimensions=of))
    assert wrong(made, terms, prices) == []
    of = state.dimensions._replace(service_tier="batch")
    made = standard._replace(state=state._replace(dimensions=of))
    assert "is for other requests" in wrong(made, terms, prices)[0]


def test_a_subject_that_is_mapped_from_later_on_has_no_terms_before() -> None:
    terms = Directory()
    terms.apply([Record("subject", "sub-1", "acme", NOW, NOW)])
    made = entry(usage(), directory(), price_book())
    assert wrong(made, terms, price_book()) == []
