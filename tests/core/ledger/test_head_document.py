"""The head as stored: it reads back the same, and what is not one is refused by name."""

import json
from dataclasses import replace
from typing import Any

import pytest

from metering.core.basics.errors import LedgerBroken, NewerVersionError
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, a_line, a_rate, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)


rate = rating(markup="0.15")


def head() -> Head:
    made = [
        usage("a"),
        usage("b", model="gpt-99"),
        usage("c", evidence=Evidence.HELD),
        usage("d", digest="x"),
        usage("d", digest="y"),
        usage("a"),
    ]
    return plan_commit(Head(LEDGER), {}, made, rate, NOW).head


def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(write_head(head()))
    return parsed


def test_a_head_reads_back_as_it_was_written() -> None:
    assert read_head(document(), LEDGER) == head()
    assert read_head(json.loads(write_head(Head(LEDGER))), LEDGER) == Head(LEDGER)


def test_many_lines_are_packed_and_read_back() -> None:
    lines = {a_rate(f"model-{number}"): a_line(input=number) for number in range(101)}
    many = replace(Head(LEDGER), lines=lines)
    stored = json.loads(write_head(many))
    assert "lines" not in stored
    assert read_head(stored, LEDGER).lines == lines


def test_money_is_text_and_never_a_json_number() -> None:
    line = next(line for line in document()["lines"] if line["model"] == "gpt-4o")
    # two requests at 0.0035 x 1.15 = 0.004025: 0.00805 x 10^18
    assert line["amount"] == "8050000000000000"
    assert line["units"]["input"] == "2875000000000"


def test_an_unpriced_line_has_no_amount() -> None:
    line = next(line for line in document()["lines"] if line["model"] == "gpt-99")
    assert line["amount"] is None
    assert line["unpriced"] == 1


def test_a_head_of_another_schema_is_refused_and_of_a_newer_one_left_to_a_newer_version() -> None:
    with pytest.raises(LedgerBroken, match="its head has schema 1, not 2"):
        read_head({**document(), "schema": 1}, LEDGER)
    with pytest.raises(NewerVersionError, match="its head: written by a newer version"):
        read_head({**document(), "schema": 3}, LEDGER)


@pytest.mark.parametrize("part", ["pages", "lines", "holds", "diagnostics"])
def test_a_head_without_one_of_its_parts_is_refused(part: str) -> None:
    wrong = document()
    del wrong[part]
    with pytest.raises(LedgerBroken, match="its head cannot be read"):
        read_head(wrong, LEDGER)


@pytest.mark.parametrize(
    ("part", "value"),
    [("pages", "three"), ("pages", 1.0), ("recent", [[True, 1]]), ("holds", {}), ("lines", {})],
)
def test_a_head_with_a_part_of_another_kind_is_refused(part: str, value: object) -> None:
    with pytest.raises(LedgerBroken, match="its head"):
        read_head({**document(), part: value}, LEDGER)


def test_a_head_whose_amounts_are_not_its_tokens_times_its_rates_is_refused() -> None:
    wrong = document()
    wrong["lines"][0]["amount"] = "1"
    with pytest.raises(LedgerBroken, match="not as it was written"):
        read_head(wrong, LEDGER)


def test_a_head_of_another_ledger_is_refused() -> None:
    with pytest.raises(LedgerBroken, match="ledger globex.*not as it was written"):
        read_head(document(), LedgerId("globex", LEDGER.start))
