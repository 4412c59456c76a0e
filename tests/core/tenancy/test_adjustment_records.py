"""Records of adjustments: about a period that is the tenant's and has begun."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.adjustment_records import AdjustmentOffer, make_adjustment
from metering.core.tenancy.decisions import assign_plan, define_plan
from metering.core.tenancy.directory import Directory
from tests.builders import NOW, plan, recorded


def about(period: str | None) -> AdjustmentOffer:
    return AdjustmentOffer("acme", "-5", "outage", "ada", period)


@pytest.fixture
def directory() -> Directory:
    found = Directory()
    found.apply([recorded(define_plan(found, plan(), NOW, None))])
    found.apply([recorded(assign_plan(found, "acme", plan().id, NOW, None))])
    return found


@pytest.mark.parametrize("period", [None, "2026-10", "2026-11", "2026-11-01T00:00:00Z"])
def test_a_period_that_has_begun_may_be_named(directory: Directory, period: str | None) -> None:
    assert make_adjustment(directory, about(period), NOW).outcome.charge_period == period


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ("2026-12", "about: period '2026-12' begins 2026-12-01T00:00:00Z"),
        ("2026-11-03", "about: 'acme' has no period '2026-11-03'"),
        ("november", "about: 'november' is not a period"),
    ],
)
def test_a_period_that_cannot_be_is_refused(
    directory: Directory, period: str, message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make_adjustment(directory, about(period), NOW)
    assert message in str(caught.value)
