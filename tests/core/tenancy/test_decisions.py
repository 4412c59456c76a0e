"""Decisions: where a change starts by default, and that repeating one records nothing."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import MINUTE, parse_instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.dated import BEGINNING
from metering.core.deployments.deployment import Deployment
from metering.core.plans.plan import Plan
from metering.core.tenancy import decisions
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision, Record
from tests.builders import NOW, recorded

SOON = NOW + 5 * MINUTE
DECEMBER = parse_instant("2026-12-01T00:00:00Z")
PLUS = Plan(id="plus", markup="0.15")
CHAT = Deployment(name="chat", model="gpt-4o", deployment_type="global")
MEMBER = "user:11111111-2222-3333-4444-555555555555"
DAILY = Calendar(cycle="daily")


def applied[T](directory: Directory, decision: Decision[T]) -> tuple[T, Record]:
    record = recorded(decision)
    directory.apply([record])
    return decision.outcome, record


def test_what_is_new_holds_from_the_beginning_and_a_change_as_soon_as_may_be() -> None:
    directory = Directory()
    outcomes = [
        applied(directory, decisions.define_plan(directory, PLUS, NOW))[0],
        applied(directory, decisions.set_calendar(directory, "acme", DAILY, NOW))[0],
        applied(directory, decisions.assign_plan(directory, "acme", "plus", NOW))[0],
        applied(directory, decisions.map_subject(directory, "sub-1", "acme", NOW))[0],
        applied(directory, decisions.define_deployment(directory, CHAT, NOW))[0],
    ]
    assert outcomes == [BEGINNING] * 5
    changed = CHAT.model_copy(update={"model": "gpt-4o-mini"})
    later = [
        decisions.define_plan(directory, Plan(id="plus"), NOW).outcome,
        decisions.assign_plan(directory, "acme", "default", NOW).outcome,
        decisions.map_subject(directory, "sub-1", "globex", NOW, move=True).outcome,
        decisions.define_deployment(directory, changed, NOW, move=True).outcome,
    ]
    assert later == [SOON] * 4


def test_a_calendar_of_a_tenant_that_pays_starts_with_its_next_period() -> None:
    directory = Directory()
    applied(directory, decisions.map_subject(directory, "sub-1", "acme", NOW))
    assert decisions.set_calendar(directory, "acme", DAILY, NOW).outcome == DECEMBER
    # Five minutes before December the soonest instant is its start: that period may still change.
    last = DECEMBER - 5 * MINUTE
    assert decisions.set_calendar(directory, "acme", DAILY, last).outcome == DECEMBER


def test_a_decision_that_holds_already_has_no_record_and_says_since_when() -> None:
    directory = Directory()
    applied(directory, decisions.map_unknown_subject(directory, "sub-1", NOW))
    applied(directory, decisions.define_plan(directory, PLUS, NOW))
    applied(directory, decisions.define_deployment(directory, CHAT, NOW))
    applied(directory, decisions.set_calendar(directory, "acme", DAILY, NOW))
    applied(directory, decisions.set_member(directory, MEMBER, "acme", NOW))
    applied(directory, decisions.publish_prices(directory, "v2", b"rows", NOW))
    again = SOON
    assert decisions.map_unknown_subject(directory, "sub-1", again).record is None
    assert decisions.map_subject(directory, "sub-1", "sub-1", again).record is None
    assert decisions.assign_plan(directory, "sub-1", "default", again).record is None
    assert decisions.define_plan(directory, PLUS, again).record is None
    assert decisions.define_deployment(directory, CHAT, again).record is None
    assert decisions.set_calendar(directory, "acme", DAILY, again) == (BEGINNING, None)
    assert decisions.set_member(directory, MEMBER, "acme", again).record is None
    assert decisions.publish_prices(directory, "v2", b"rows", again) == (NOW, None)


def test_other_content_under_a_published_version_is_another_decision() -> None:
    directory = Directory()
    applied(directory, decisions.publish_prices(directory, "v2", b"rows", NOW))
    assert decisions.publish_prices(directory, "v2", b"others", NOW).record is not None


def test_a_member_reads_a_tenant_until_the_right_is_taken_away() -> None:
    directory = Directory()
    with pytest.raises(ConfigurationError, match="unknown tenant 'acme'"):
        decisions.set_member(directory, MEMBER, "acme", NOW)
    applied(directory, decisions.map_subject(directory, "sub-1", "acme", NOW))
    applied(directory, decisions.set_member(directory, MEMBER, "acme", NOW))
    assert directory.members.tenant_of(MEMBER, NOW) == "acme"
    applied(directory, decisions.set_member(directory, MEMBER, None, SOON))
    assert directory.members.tenant_of(MEMBER, SOON) is None
