"""Stops: in force at once, of a tenant or one subscription, until resumed."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.stop_records import set_stop
from metering.core.tenancy.stops import MAX_REASON, Stop, Target
from tests.builders import NOW

ACME, SUB = Target("acme"), Target("acme", "sub-1")


def directory() -> Directory:
    made = Directory()
    made.apply(
        [
            Record("subject", "sub-1", "acme", 0, 0),
            Record("subject", "sub-2", "acme", 0, 0),
            Record("subject", "sub-9", "globex", 0, 0),
        ]
    )
    return made


def decided(of: Directory, target: Target, *, stop: bool, reason: str = "leaked key") -> bool:
    """Record a decision and return whether it was news."""
    made = set_stop(of, target, reason, NOW, is_stopped=stop)
    if made.record is not None:
        assert (made.record.effective, made.record.recorded) == (NOW, NOW)
        of.apply([made.record])
    return made.record is not None


def test_a_stop_of_a_tenant_blocks_each_of_its_subscriptions_and_no_other() -> None:
    known = directory()
    assert decided(known, ACME, stop=True)
    assert known.stops.of("acme", "sub-1") == Stop("leaked key", NOW)
    assert known.stops.of("acme", "sub-of-tomorrow") == Stop("leaked key", NOW)
    assert known.stops.of("globex", "sub-9") is None


def test_a_stop_of_a_subscription_blocks_it_alone_and_is_not_undone_with_the_tenants() -> None:
    known = directory()
    assert decided(known, SUB, stop=True)
    assert known.stops.of("acme", "sub-2") is None
    assert decided(known, ACME, stop=True)
    assert decided(known, ACME, stop=False)
    assert known.stops.of("acme", "sub-1") == Stop("leaked key", NOW)
    assert decided(known, SUB, stop=False)
    assert known.stops.of("acme", "sub-1") is None


def test_what_already_holds_is_not_recorded_and_another_reason_is() -> None:
    known = directory()
    assert not decided(known, ACME, stop=False)
    assert decided(known, ACME, stop=True)
    assert not decided(known, ACME, stop=True, reason="  leaked key ")
    assert decided(known, ACME, stop=True, reason="fraud")
    assert known.stops.at(ACME) == Stop("fraud", NOW)


def test_a_stop_changes_no_price() -> None:
    known = directory()
    before = known.pricing_version
    decided(known, ACME, stop=True)
    assert known.pricing_version == before


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines", "x" * (MAX_REASON + 1)])
def test_a_reason_is_one_line_of_some_length(reason: str) -> None:
    with pytest.raises(ConfigurationError, match="reason: write 1 to 256 characters on one line"):
        decided(directory(), ACME, stop=True, reason=reason)


def test_an_unknown_tenant_and_a_subscription_of_another_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown tenant 'initech'"):
        decided(directory(), Target("initech"), stop=True)
    with pytest.raises(ConfigurationError, match="'acme' does not pay for subscription 'sub-9'"):
        decided(directory(), Target("acme", "sub-9"), stop=True)
