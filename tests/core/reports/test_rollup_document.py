"""A rollup as stored: it reads back the same, and what is not one is refused by name."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from metering.core.basics.errors import RollupBroken
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId
from metering.core.reports.rollup import Cursor, Intake, Part
from metering.core.reports.rollup_document import (
    MAX_STEP_BYTES,
    read_cursor,
    read_part,
    step_of,
    write_cursor,
    write_part,
)
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.evidence import Evidence
from tests.builders import AT, usage
from tests.core.rollups import LEDGER, Rollup, pages_of

PAGES = pages_of(
    [
        usage("a", end_user="ü\u2028\x7f|", use_case="chat"),
        usage("b", model="gpt-99", product="p"),
        usage("c", status=429, evidence=Evidence.ABSENT, buckets=NO_TOKENS),
        usage("d", end_user=""),
        usage("e", evidence=Evidence.ABSENT, buckets=NO_TOKENS, deployment="d"),
    ],
    [usage("z", time=AT - DAY)],
)


def rollup() -> Rollup:
    made = Rollup()
    made.take_in(PAGES)
    return made


def cursor_document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(write_cursor(rollup().cursor))
    return parsed


def part_document() -> dict[str, Any]:
    part = next(iter(rollup().parts.values()))
    parsed: dict[str, Any] = json.loads(write_part(LEDGER, part))
    return parsed


def test_a_cursor_reads_back_as_it_was_written() -> None:
    assert read_cursor(cursor_document(), LEDGER) == rollup().cursor
    empty = Cursor(LEDGER)
    assert read_cursor(json.loads(write_cursor(empty)), LEDGER) == empty


def test_every_part_reads_back_as_it_was_written() -> None:
    for part in rollup().parts.values():
        assert read_part(json.loads(write_part(LEDGER, part)), LEDGER) == part
        emptied = Part(part.name, 9, {})
        assert read_part(json.loads(write_part(LEDGER, emptied)), LEDGER) == emptied


def test_money_is_text_and_never_a_json_number() -> None:
    (part,) = [part for part in rollup().parts.values() if str(part.name) == "day-2026-11-19-8"]
    # 1,000 x 2.5 + 100 x 10 per million = 0.0035, x 10^18
    assert json.loads(write_part(LEDGER, part))["columns"]["amount"] == ["3500000000000000"]


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda d: d.update(schema=4), "has schema 4, not 3"),
        (lambda d: d.update(ledger="globex|x"), "is day-2026-11-.* of globex"),
        (lambda d: d.update(id="day-2026-11-20-9"), "is day-2026-11-20-9 of acme"),
        (lambda d: d.pop("columns"), "cannot be read"),
        (lambda d: d.update(page="1"), "not a whole number"),
        (lambda d: d["columns"].update(requests=[1.0]), "not a whole number"),
        (lambda d: d["columns"].update(requests=1), "not a whole number"),
        (lambda d: d["columns"].update(requests=[1] * 9), "cannot be read"),
        (
            lambda d: d["columns"].update(amount=[1] * len(d["columns"]["amount"])),
            "is not a string",
        ),
        (lambda d: d["columns"].update(model=[99] * len(d["columns"]["amount"])), "IndexError"),
    ],
)
def test_what_is_no_part_is_refused_by_name(
    harm: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    document = part_document()
    harm(document)
    with pytest.raises(RollupBroken, match=complaint):
        read_part(document, LEDGER)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda d: d.update(schema=4), "its rollup's cursor has schema 4, not 3"),
        (lambda d: d.pop("hash"), "cursor cannot be read"),
        (lambda d: d.update(parts=[]), "cursor cannot be read"),
        (lambda d: d.update(page=1.5), "cursor cannot be read"),
    ],
)
def test_what_is_no_cursor_is_refused_by_name(
    harm: Callable[[dict[str, Any]], object], complaint: str
) -> None:
    document = cursor_document()
    harm(document)
    with pytest.raises(RollupBroken, match=complaint):
        read_cursor(document, LEDGER)


def test_a_cursor_of_another_ledger_is_refused_by_name() -> None:
    with pytest.raises(RollupBroken, match="ledger globex.* is cursor of acme"):
        read_cursor(cursor_document(), LedgerId("globex", LEDGER.start))


def test_twenty_thousand_groups_of_a_day_fit_into_one_batch() -> None:
    first, last = (str(number).rjust(36, "0") for number in (0, 1))
    (page,) = pages_of([usage("a", end_user=first), usage("b", end_user=last)])
    intake = Intake(Cursor(LEDGER))
    intake.add(page)
    small = step_of(intake, [])
    assert not small.is_too_large
    part = small.parts[0]
    ((group, count),) = list(part.counts.items())[:1]
    many = {(*group[:6], str(number).rjust(36, "0"), *group[7:]): count for number in range(20_000)}
    content = write_part(LEDGER, replace(part, counts=many))
    assert len(content) < MAX_STEP_BYTES
    assert small._replace(contents=(content, content)).is_too_large
