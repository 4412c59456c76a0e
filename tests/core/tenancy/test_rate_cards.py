"""Rate cards are shared by requests that are alike, and by no others."""

import pytest

from metering.core.basics.instants import DAY, HOUR, parse_instant
from metering.core.deployments.deployment import read_deployment
from metering.core.plans.off_peak import OffPeak
from metering.core.plans.plan import Plan
from metering.core.prices.priced import PricingKey, Registered
from metering.core.tenancy import terms
from metering.core.tenancy.terms import RateCards
from tests.builders import AT, plan, price_book

KEY = PricingKey("gpt-4o", "global")


def night() -> Plan:
    windows = [{"from": "22:00", "to": "06:00", "multiplier": "0.5"}]
    return plan(off_peak=OffPeak.model_validate({"time_zone": "UTC", "windows": windows}))


def test_requests_alike_share_a_card_and_others_do_not() -> None:
    later = {"effective_from": "2026-11-20T12:00:00Z"}
    cards, own = RateCards(price_book({}, later)), plan()
    found = cards.of(own, KEY, AT)
    assert cards.of(own, KEY, AT - HOUR) is found
    others = [
        cards.of(plan(markup="1"), KEY, AT),
        cards.of(own, KEY._replace(deployment_type="regional"), AT),
        # Another price begins a quarter of an hour later.
        cards.of(own, KEY, AT + HOUR),
    ]
    assert all(other is not found for other in others)
    assert [other.rate.units[0] for other in others[:2]] == [5 * 10**12, None]


def test_off_peak_hours_have_a_card_of_their_own() -> None:
    cards, own = RateCards(price_book()), night()
    day, later = cards.of(own, KEY, AT), cards.of(own, KEY, parse_instant("2026-11-20T23:00:00Z"))
    # 2.50 a million are 2.5 x 10^12 of 10^-18 a token; at night half of it.
    assert (day.rate.units[0], later.rate.units[0]) == (25 * 10**11, 125 * 10**10)
    assert cards.of(own, KEY, AT + DAY) is day


def test_a_deployment_registered_again_has_a_card_of_its_own() -> None:
    content = {"name": "gpt-4o", "model": "gpt-4o", "deployment_type": "global"}
    deployment = read_deployment("a test", content)
    cards, own = RateCards(price_book()), plan()
    first, again = (
        KEY._replace(registered=Registered(deployment, since)) for since in (AT, AT + 1)
    )
    assert cards.of(own, first, AT) is not cards.of(own, again, AT)


def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "_MAX_CARDS", 1)
    cards, own = RateCards(price_book()), plan()
    first = cards.of(own, KEY, AT)
    cards.of(own, KEY._replace(region="eu"), AT)
    again = cards.of(own, KEY, AT)
    assert (again is first, again.rate) == (False, first.rate)
