"""Records of grants: what is refused, what is the same again, and what a revocation ends."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE, parse_instant
from metering.core.credit.grant import Grant, Revocation
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.grant_records import GrantOffer, give_grant, revoke_grant
from metering.core.tenancy.record import Record
from tests.builders import NOW

LATER = parse_instant("2027-01-31T00:00:00Z")
NOVEMBER = parse_instant("2026-11-01T00:00:00Z")
SOON = NOW + 5 * MINUTE
OFFER = GrantOffer("acme", "10.00", LATER, "g-1")


def given(directory: Directory, offer: GrantOffer, now: int = NOW) -> Grant:
    grant, record = give_grant(directory, offer, now)
    assert record is not None
    directory.apply([record])
    return grant


def refused(directory: Directory, **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        give_grant(directory, OFFER._replace(**changes), NOW)
    return str(caught.value)


def revoked(directory: Directory, name: str = "g-1", now: int = NOW) -> Record | None:
    return revoke_grant(directory, "acme", Revocation(id=name), now).record


def test_a_grant_is_for_the_present_period_and_in_the_currency_of_the_plan_unless_it_says() -> None:
    directory = Directory()
    grant = given(directory, OFFER)
    assert (grant.amount, grant.currency) == ("10", "USD")
    assert (grant.start, grant.expiry) == (NOVEMBER, LATER)
    assert directory.grants("acme") == [grant]
    assert directory.grants("globex") == []


def test_a_grant_changes_no_price_and_makes_no_tenant() -> None:
    directory = Directory()
    given(directory, OFFER)
    assert (directory.version, directory.pricing_version) == (1, 0)
    assert directory.tenants() == []


def test_the_same_grant_again_records_nothing_even_later() -> None:
    directory = Directory()
    grant = given(directory, OFFER)
    assert give_grant(directory, OFFER, NOW + DAY) == (grant, None)
    assert give_grant(directory, OFFER._replace(start=NOVEMBER), LATER + DAY) == (grant, None)


def test_the_same_grant_again_stays_revoked() -> None:
    directory = Directory()
    given(directory, OFFER)
    record = revoked(directory)
    assert record is not None
    directory.apply([record])
    again, record = give_grant(directory, OFFER, NOW)
    assert (again.revoked, record) == (SOON, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"amount": "11"}, "with amount 10, not 11"),
        ({"expiry": None}, "with expiry 2027-01-31T00:00:00Z, not none"),
        ({"start": NOW}, "with start 2026-11-01T00:00:00Z, not 2026-11-20T12:00:00Z"),
        ({"priority": 1}, "with priority 0, not 1"),
        ({"channel": "marketplace"}, "with channel none, not marketplace"),
        ({"reason": "more"}, "with reason , not more"),
    ],
)
def test_a_grant_that_is_edited_is_refused(changes: dict[str, Any], told: str) -> None:
    directory = Directory()
    given(directory, OFFER)
    why = refused(directory, **changes)
    assert why.startswith(f"grant 'g-1' of acme: exists {told}")
    assert why.endswith("a grant is never edited; revoke it and give another one")


def test_grants_without_an_id_are_numbered() -> None:
    directory = Directory()
    unnamed = OFFER._replace(id=None)
    given(directory, OFFER._replace(id="grant-002"))
    assert [given(directory, unnamed).id for _ in range(2)] == ["grant-003", "grant-004"]
    assert given(directory, unnamed._replace(tenant="globex")).id == "grant-001"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tenant": "a b"}, "tenant 'a b': use 1 to 64 of"),
        ({"amount": "0"}, "grant 'g-1' of acme: amount: '0' is not above zero"),
        ({"expiry": NOVEMBER}, "expiry: is not after the start"),
        ({"expiry": NOW}, "expiry: 2026-11-20T12:00:00Z is past"),
        ({"start": NOVEMBER - 1}, "start: 2026-10-31T23:59:59.999999Z is before 2026-11-01T00"),
        ({"currency": "EUR"}, "currency: plan 'default' is in USD, not in EUR"),
    ],
)
def test_what_could_pay_for_nothing_it_should_is_refused(changes: dict[str, Any], why: str) -> None:
    assert why in refused(Directory(), **changes)


def test_a_grant_may_reach_back_to_the_start_of_the_period() -> None:
    assert given(Directory(), OFFER._replace(start=NOVEMBER)).start == NOVEMBER


def test_a_revocation_ends_a_grant_once_as_soon_as_may_be() -> None:
    directory = Directory()
    given(directory, OFFER)
    record = revoked(directory)
    assert record is not None
    assert record.effective == SOON
    directory.apply([record])
    (grant,) = directory.grants("acme")
    assert (grant.end, grant.is_valid(SOON - 1), grant.is_valid(SOON)) == (SOON, True, False)
    assert revoked(directory, now=NOW + DAY) is None


def test_a_grant_that_is_not_there_or_has_expired_cannot_be_revoked() -> None:
    directory = Directory()
    given(directory, OFFER)
    with pytest.raises(ConfigurationError, match="'g-2' of acme: does not exist: see .*list acme"):
        revoked(directory, "g-2")
    with pytest.raises(ConfigurationError, match="'g-1' of acme: has expired by 2027-01-31T00:00"):
        revoked(directory, now=LATER - 5 * MINUTE)
