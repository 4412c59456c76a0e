"""Changes of calendars and plans: dated, and never inside a period."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant, parse_instant
from metering.core.calendars.calendar import MONTHS, Calendar
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import Plan
from metering.core.tenancy.decisions import assign_plan, define_plan, set_calendar
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from tests.builders import NOW, recorded

SOON = NOW + 5 * MINUTE
DECEMBER = parse_instant("2026-12-01T00:00:00Z")
JANUARY = parse_instant("2027-01-01T00:00:00Z")
#: 2026-12-01 is a Tuesday.
TUESDAYS = Calendar(cycle="weekly", anchor=2)
BERLIN = Calendar(time_zone="Europe/Berlin")
PLUS = Plan(id="plus")
FEE = Plan(id="plus", base_fee="10")


def directory(*records: Record) -> Directory:
    made = Directory()
    made.apply(records)
    return made


def subject(tenant: str = "acme") -> Record:
    return Record("subject", f"sub-{tenant}", tenant, BEGINNING, NOW)


def calendar(one: Calendar, effective: Instant = BEGINNING, tenant: str = "acme") -> Record:
    return Record("calendar", tenant, one.model_dump_json(), effective, NOW)


def version(plan: Plan, effective: Instant = BEGINNING) -> Record:
    return Record("plan", plan.id, plan.model_dump_json(), effective, NOW)


def on_plan(plan: str, effective: Instant = BEGINNING, tenant: str = "acme") -> Record:
    return Record("tenant_plan", tenant, plan, effective, NOW)


def test_periods_are_those_of_the_calendar_in_force() -> None:
    made = directory(subject(), calendar(TUESDAYS, DECEMBER))
    assert made.calendar_of("acme", DECEMBER - 1) == (MONTHS, BEGINNING, DECEMBER)
    assert made.period_at("acme", DECEMBER - 1).name == "2026-11"
    assert made.period_of(LedgerId("acme", DECEMBER)).end == DECEMBER + 7 * DAY
    assert made.period_at("other", DECEMBER).end == JANUARY
    found = made.find_period("acme", "2026-12-08")
    assert found is not None
    assert found.start == DECEMBER + 7 * DAY
    assert made.find_period("acme", "2026-12") is None


def test_a_calendar_of_a_known_tenant_begins_with_a_period_of_the_one_before() -> None:
    known = directory(subject())
    complaint = (
        r"tenant 'acme': the calendar changes from monthly from day 1, UTC to weekly from weekday 2"
        r", UTC: only at the start of a period, not at 2026-11-21.*; the next is 2026-12-01T00:00"
    )
    with pytest.raises(ConfigurationError, match=complaint):
        set_calendar(known, "acme", TUESDAYS, NOW, NOW + DAY)
    made = recorded(set_calendar(known, "acme", TUESDAYS, NOW, DECEMBER))
    assert (made.kind, made.key, made.effective) == ("calendar", "acme", DECEMBER)
    known.apply([made])
    again = recorded(set_calendar(known, "acme", MONTHS, NOW, DECEMBER + 7 * DAY))
    assert again.effective == DECEMBER + 7 * DAY
    # Until it begins, a decision may be taken back at its own instant.
    assert set_calendar(known, "acme", MONTHS, NOW, DECEMBER).outcome == DECEMBER


def test_a_calendar_never_changes_in_the_past_nor_from_the_beginning_for_a_known_tenant() -> None:
    known = directory(subject())
    start = DECEMBER - 5 * MINUTE
    for now, effective in ((NOW, BEGINNING), (start + 1, DECEMBER)):
        with pytest.raises(ConfigurationError, match="the calendar of tenant 'acme': .*no earlier"):
            set_calendar(known, "acme", TUESDAYS, now, effective)
    assert set_calendar(known, "acme", TUESDAYS, start, DECEMBER).outcome == DECEMBER


def test_a_calendar_of_a_new_tenant_reaches_back_until_it_pays_for_anything() -> None:
    made = directory()
    made.add_plan(PLUS, BEGINNING)
    assert made.since("acme") is None
    made.apply([recorded(set_calendar(made, "acme", TUESDAYS, NOW, BEGINNING))])
    assert (made.since("acme"), made.tenants(), made.is_paying("acme")) == (NOW, ["acme"], False)
    # Still nothing is in its ledgers, and its first period is not over.
    assert set_calendar(made, "acme", BERLIN, NOW, BEGINNING).outcome == BEGINNING
    assert assign_plan(made, "acme", "default", NOW, BEGINNING).outcome == BEGINNING
    # 2026-11-20 is a Friday: the period ends with Monday.
    over = parse_instant("2026-11-24T00:00:00Z")
    assert made.may_reach_back("acme", over - 1)
    with pytest.raises(ConfigurationError, match="no earlier"):
        assign_plan(made, "acme", "plus", over, BEGINNING)
    made.apply([subject()])
    assert made.is_paying("acme")
    assert made.since("acme") == NOW
    with pytest.raises(ConfigurationError, match="no earlier"):
        set_calendar(made, "acme", BERLIN, NOW, BEGINNING)


@pytest.mark.parametrize("name", ["", "a|b"])
def test_a_calendar_of_what_could_not_be_a_tenant_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="use 1 to 64"):
        set_calendar(directory(), name, TUESDAYS, NOW, BEGINNING)


def test_a_calendar_change_before_another_leaves_that_at_a_period_start() -> None:
    known = directory(subject(), calendar(BERLIN, JANUARY))
    complaint = "'acme', then: the calendar changes from weekly.*to monthly.*not at 2027-01-01"
    with pytest.raises(ConfigurationError, match=complaint):
        set_calendar(known, "acme", TUESDAYS, NOW, DECEMBER)
    # The 15th of January is no start of a month from the 1st, the 1st is one of days.
    assert recorded(set_calendar(known, "acme", Calendar(cycle="daily"), NOW, DECEMBER)).value


def test_a_calendar_change_that_would_leave_a_plan_change_inside_a_period_is_refused() -> None:
    moves = directory(subject(), version(FEE), on_plan("plus", JANUARY))
    with pytest.raises(
        ConfigurationError, match="then: the base_fee changes from 0 to 10.*not at 2027-01-01"
    ):
        set_calendar(moves, "acme", TUESDAYS, NOW, DECEMBER)
    assert recorded(set_calendar(moves, "acme", Calendar(cycle="daily"), NOW, DECEMBER)).value
    versions = directory(subject(), version(PLUS), on_plan("plus"), version(FEE, JANUARY))
    with pytest.raises(ConfigurationError, match="then: the base_fee changes from 0 to 10"):
        set_calendar(versions, "acme", TUESDAYS, NOW, DECEMBER)


def test_a_tenant_changes_its_plan_at_the_start_of_its_own_period() -> None:
    known = directory(subject(), calendar(TUESDAYS), version(FEE))
    tuesday = parse_instant("2026-11-24T00:00:00Z")
    assert assign_plan(known, "acme", "plus", NOW, tuesday).outcome == tuesday
    complaint = "tenant 'acme': the base_fee.*not at 2027-01-01.*next is 2027-01-05T00:00:00Z"
    with pytest.raises(ConfigurationError, match=complaint):
        assign_plan(known, "acme", "plus", NOW, JANUARY)
    # What the plan will become must fit as well.
    later = directory(subject(), calendar(TUESDAYS), version(PLUS), version(FEE, JANUARY))
    with pytest.raises(ConfigurationError, match="tenant 'acme', then: the base_fee.*2027-01-01"):
        assign_plan(later, "acme", "plus", NOW, tuesday)


def test_a_plan_changes_at_the_start_of_a_period_of_every_tenant_on_it() -> None:
    start = DECEMBER - HOUR  # midnight in Berlin
    records = [version(PLUS), subject(), calendar(BERLIN), on_plan("plus")]
    known = directory(*records)
    assert define_plan(known, FEE, NOW, start).outcome == start
    complaint = "plan 'plus' of tenant 'acme': the base_fee.*; the next is 2026-12-31T23:00:00Z"
    with pytest.raises(ConfigurationError, match=complaint):
        define_plan(known, FEE, NOW, DECEMBER)
    both = directory(*records, subject("globex"), on_plan("plus", tenant="globex"))
    with pytest.raises(ConfigurationError, match="of tenant 'globex': the currency changes"):
        define_plan(both, Plan(id="plus", currency="EUR"), NOW, start)
    # One that comes to the plan inside a period, for it had no fee.
    coming = directory(*records, subject("globex"), on_plan("plus", DECEMBER + DAY, "globex"))
    with pytest.raises(ConfigurationError, match="of tenant 'globex', then: the base_fee"):
        define_plan(coming, FEE, NOW, start)
    # Who has left the plan by then does not matter.
    left = directory(*records, on_plan("default", start))
    assert define_plan(left, FEE, NOW, DECEMBER).outcome == DECEMBER


def test_the_default_plan_changes_with_the_months_of_the_tenants_to_come_too() -> None:
    known = directory(subject(), calendar(BERLIN))
    fee = Plan(id="default", base_fee="1")
    with pytest.raises(ConfigurationError, match="plan 'default': the base_fee"):
        define_plan(known, fee, NOW, DECEMBER - HOUR)
    with pytest.raises(ConfigurationError, match="plan 'default' of tenant 'acme': the base_fee"):
        define_plan(known, fee, NOW, DECEMBER)
    assert define_plan(directory(subject()), fee, NOW, DECEMBER).outcome == DECEMBER


def test_a_new_tenant_reaches_back_over_a_change_of_fees_and_never_of_currency() -> None:
    october = parse_instant("2026-10-01T00:00:00Z")  # a Thursday
    fees = directory(version(PLUS), version(FEE, october), calendar(TUESDAYS))
    assert assign_plan(fees, "acme", "plus", NOW, BEGINNING).outcome == BEGINNING
    euro = Plan(id="plus", currency="EUR")
    money = directory(version(PLUS), version(euro, october), calendar(TUESDAYS))
    with pytest.raises(ConfigurationError, match="then: the currency changes from USD to EUR"):
        assign_plan(money, "acme", "plus", NOW, BEGINNING)
