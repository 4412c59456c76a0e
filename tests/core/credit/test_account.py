"""Accounts: a closed period takes from the grants once, whoever closes it and how often."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic_core import from_json, to_json

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.credit.account import Account, read_account, settle, write_account
from metering.core.credit.grant import Burnt, Spend
from tests.core.credits import burn, grant

OCTOBER = LedgerId("acme", parse_instant("2026-10-01T00:00:00Z"))
NOVEMBER = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))


def test_periods_settled_one_after_the_other_add_up() -> None:
    account = settle(Account("acme"), OCTOBER, Burnt({"a": 3, "b": 1}, 7))
    account = settle(account, NOVEMBER, Burnt({"a": 2}, 0))
    assert account.settled == {"a": 5, "b": 1}
    assert list(account.burnt) == [OCTOBER, NOVEMBER]
    assert account.has_settled(OCTOBER)


def test_a_period_that_is_settled_twice_takes_once() -> None:
    """The second one burns what the first left: had it counted, the statement would change."""
    grants, spends = [grant("a", 10)], [Spend(1, None, 7)]
    once = settle(Account("acme"), OCTOBER, burn(grants, spends))
    again = burn(grants, spends, once.settled)
    assert again == Burnt({"a": 3}, 4)
    assert settle(once, OCTOBER, again) == once
    assert once.burnt[OCTOBER] == {"a": 7}


def test_an_earlier_period_cannot_be_settled_after_a_later_one() -> None:
    account = settle(Account("acme"), NOVEMBER, Burnt({}, 0))
    with pytest.raises(InvariantBroken, match="acme.2026-10-01.*: a later one .* already"):
        settle(account, OCTOBER, Burnt({}, 0))


def test_a_ledger_of_another_tenant_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match="is not one of globex"):
        settle(Account("globex"), OCTOBER, Burnt({}, 0))


def test_an_account_reads_back_from_its_document() -> None:
    account = settle(Account("acme"), OCTOBER, Burnt({"a": 10**30}, 0))
    account = settle(account, NOVEMBER, Burnt({}, 0))
    document = from_json(to_json(write_account(account)))
    assert document["burnt"]["acme|2026-10-01T00:00:00Z"] == {"a": "1" + "0" * 30}
    found = read_account(document, "acme")
    assert found == account
    assert list(found.burnt) == [OCTOBER, NOVEMBER]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda d: d.update(schema=0), "has schema 0, not 1"),
        (lambda d: d.update(tenant="globex"), "is that of globex"),
        (lambda d: d.pop("burnt"), "cannot be read"),
        (lambda d: d["burnt"].update({"acme|x": {}}), "cannot be read"),
        (lambda d: d["burnt"].update({"acme|2026-10-01T00:00:00Z": {"a": 1}}), "not text"),
    ],
)
def test_a_document_that_is_no_account_is_refused(
    damage: Callable[[dict[str, Any]], object], reason: str
) -> None:
    document = write_account(settle(Account("acme"), OCTOBER, Burnt({"a": 1}, 0)))
    damage(document)
    with pytest.raises(InvariantBroken, match=f"account acme: .*{reason}"):
        read_account(document, "acme")
