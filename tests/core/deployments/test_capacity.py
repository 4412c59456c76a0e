"""Capacity: which hours of a deployment cost what, over all that was recorded of it."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, Instant, parse_instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import parse_month
from metering.core.deployments.capacity import Capacity, Span
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.tenancy.decisions import define_deployment
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from tests.builders import recorded

OCTOBER, NOVEMBER, DECEMBER = (parse_month(f"2026-{month}") for month in (10, 11, 12))
ONE = 10**18


def at(day: int, time: str = "00:00:00") -> Instant:
    return parse_instant(f"2026-11-{day:02}T{time}Z")


def ptu(units: int = 50, price: str = "1.10", **changes: Any) -> Deployment:
    made = Deployment(
        name="chat",
        account="Contoso",
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=Provisioned(
            units=units,
            hourly_price=price,
            scope="global",
            currency=changes.pop("currency", "USD"),
            idle=changes.pop("idle", "unallocated"),
        ),
    )
    return made.model_copy(update=changes)


STANDARD = Deployment(name="chat", account="Contoso", model="gpt-4o", deployment_type="global")


def record(value: Deployment, effective: Instant = BEGINNING, recorded: Instant = 0) -> Record:
    content = value.model_dump_json(exclude_none=True)
    return Record("deployment", value.key, content, effective, recorded or at(1))


def directory(*records: Record) -> Directory:
    made = Directory()
    made.apply(records)
    return made


def capacity(*records: Record) -> Capacity:
    (found,) = directory(*records).capacities()
    return found


def november(*records: Record) -> list[Span]:
    return capacity(*records).spans(NOVEMBER.start, NOVEMBER.end)


def test_all_720_hours_of_november_cost_units_times_price() -> None:
    (span,) = november(record(ptu()))
    assert span == Span(NOVEMBER.start, NOVEMBER.end, 50, 11 * ONE // 10, "USD", "unallocated")
    # 50 units x 1.10 = 55 an hour; x 720 hours = 39,600.
    assert (span.hours, span.hour_cost) == (720, 55 * ONE)


def test_a_new_price_costs_from_its_first_whole_hour() -> None:
    dearer = record(ptu(price="1.20", idle="equal"), at(11, "10:30:00"))
    first, second = november(record(ptu()), dearer)
    # The hour from 10 to 11 begins at the old price. 10 days and 11 hours: 251 hours.
    assert (first.end, first.hours, first.hour_cost) == (at(11, "11:00:00"), 251, 55 * ONE)
    assert (second.start, second.hours, second.hour_cost) == (first.end, 469, 60 * ONE)
    assert (first.idle, second.idle) == ("unallocated", "equal")


def test_a_change_of_anything_else_makes_no_other_span() -> None:
    newer = record(ptu(model_version="2024-11-20"), at(11))
    assert len(november(record(ptu()), newer)) == 1


def test_a_change_that_lasts_no_whole_hour_costs_nothing() -> None:
    spans = november(
        record(ptu()),
        record(ptu(units=100), at(11, "10:10:00")),
        record(ptu(), at(11, "10:50:00")),
    )
    assert [(span.units, span.hours) for span in spans] == [(50, 720)]


def test_a_record_that_has_no_units_ends_the_cost_and_a_later_one_begins_it_again() -> None:
    spans = november(record(ptu()), record(STANDARD, at(11)), record(ptu(), at(21)))
    assert [(span.start, span.end) for span in spans] == [
        (NOVEMBER.start, at(11)),
        (at(21), NOVEMBER.end),
    ]


def test_hours_before_the_first_record_cost_nothing() -> None:
    (span,) = november(record(ptu(), at(30, "22:00:00")))
    assert (span.start, span.hours) == (at(30, "22:00:00"), 2)
    assert capacity(record(ptu(), at(30))).spans(OCTOBER.start, OCTOBER.end) == []


def test_the_hours_up_to_an_instant_are_those_begun_before_it() -> None:
    made = capacity(record(ptu()))
    (span,) = made.spans(NOVEMBER.start, at(1, "01:00:01"))
    assert span.hours == 2
    (span,) = made.spans(NOVEMBER.start, at(1, "01:00:00"))
    assert span.hours == 1


@pytest.mark.parametrize(
    ("effective", "recorded", "unsure"),
    [
        (BEGINNING, at(1), False),
        (BEGINNING, NOVEMBER.end - 1, False),
        (BEGINNING, NOVEMBER.end, True),
        (at(1), NOVEMBER.end, False),
    ],
)
def test_what_reaches_back_costs_before_its_first_record_only_if_it_was_used(
    effective: Instant, recorded: Instant, *, unsure: bool
) -> None:
    later = record(ptu(units=60), DECEMBER.start + HOUR, DECEMBER.start)
    made = capacity(record(ptu(), effective, recorded), later)
    assert made.costs_if_used(NOVEMBER) is unsure
    assert not made.costs_if_used(DECEMBER)


def test_capacities_are_those_that_ever_had_units_by_their_first_key() -> None:
    other = ptu().model_copy(update={"account": None, "name": "b"})
    shouted = ptu(account="CONTOSO", name="CHAT")
    made = directory(
        record(STANDARD.model_copy(update={"name": "plain"})),
        record(STANDARD),
        record(shouted, at(3)),
        record(other),
    )
    assert [(one.key, one.place) for one in made.capacities()] == [
        ("b", "b"),
        ("Contoso/chat", "contoso/chat"),
    ]


@pytest.mark.parametrize(
    ("effective", "known"),
    [
        (at(11), [record(ptu())]),
        # What is in force already from December on meets it in the middle of December.
        (DECEMBER.start, [record(ptu()), record(ptu(units=60), DECEMBER.start + 24 * HOUR)]),
        # In between there are no units, but the month is one.
        (at(21), [record(ptu()), record(STANDARD, at(11))]),
    ],
)
def test_a_month_in_two_currencies_is_refused(effective: Instant, known: list[Record]) -> None:
    with pytest.raises(ConfigurationError, match="'Contoso/chat': costs EUR and USD in the month"):
        define_deployment(directory(*known), ptu(currency="EUR"), at(1, "09:00:00"), effective)


def test_another_currency_from_the_start_of_a_month_is_taken() -> None:
    made = recorded(
        define_deployment(directory(record(ptu())), ptu(currency="EUR"), at(1), DECEMBER.start)
    )
    assert made.effective == DECEMBER.start
