"""Versions of a plan, and what each of them changes."""

from metering.core.basics.instants import DAY
from metering.core.calendars.dated import BEGINNING, Dated
from metering.core.plans.plan import Plan
from metering.core.plans.versions import TermChange, versions_of
from tests.builders import NOW


def test_versions_are_scheduled_in_force_or_replaced_and_name_what_they_change() -> None:
    dated = Dated[Plan]()
    dated.add(BEGINNING, Plan(id="pro"))
    dated.add(NOW - DAY, Plan(id="pro", markup="0.1"))
    dated.add(NOW + DAY, Plan(id="pro", markup="0.3"))
    # Recorded later for the same start: the one before it will never be in force.
    dated.add(NOW + DAY, Plan(id="pro", markup="0.2", unpriced="block"))
    found = versions_of(dated, NOW)
    assert [(one.state, one.start, one.end) for one in found] == [
        ("scheduled", NOW + DAY, None),
        ("in_force", NOW - DAY, NOW + DAY),
        ("replaced", None, NOW - DAY),
    ]
    assert found[0].changes == (
        TermChange("markup", "0.1", "0.2"),
        TermChange("unpriced", "allow", "block"),
    )
    assert found[2].changes == ()
