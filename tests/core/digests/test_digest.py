"""Digests: weeks, movers, and texts that are bounded whatever a producer names."""

import json

import pytest

from metering.core.basics.instants import parse_instant
from metering.core.basics.money import parse_amount
from metering.core.digests.digest import (
    MAX_NAMED,
    Digest,
    Expected,
    Mover,
    detail_of,
    digest_json,
    forecasts_of,
    movers_of,
    percent_text,
    short,
    summed,
    week_before,
)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-20T12:00:00Z", ("2026-W46", "2026-11-09", "2026-11-16", "2026-11-02")),
        ("2026-11-16T00:00:00Z", ("2026-W46", "2026-11-09", "2026-11-16", "2026-11-02")),
        ("2026-11-15T23:59:59Z", ("2026-W45", "2026-11-02", "2026-11-09", "2026-10-26")),
        # The first of January 2027 is a Friday: the week belongs to 2026.
        ("2027-01-05T00:00:00Z", ("2026-W53", "2026-12-28", "2027-01-04", "2026-12-21")),
    ],
)
def test_the_last_week_is_the_one_that_has_ended(at: str, expected: tuple[str, ...]) -> None:
    assert week_before(parse_instant(at)) == expected


def test_forecasts_of_all_tenants_are_sums_and_the_largest() -> None:
    every = [Expected(f"t-{number:02}", "2026-11", "USD", number * 10**18) for number in range(12)]
    found = forecasts_of([*every, Expected("kiso", "2026-11", "JPY", 5 * 10**18)])
    # 0 + 1 + … + 11 are 66.
    assert found[:3] == [
        "1 tenant: 5 JPY expected in the present period",
        "12 tenants: 66 USD expected in the present periods",
        "t-11: 2026-11 is expected to come to 11 USD",
    ]
    assert len(found) == MAX_NAMED
    assert forecasts_of([]) == []


def test_movers_are_those_that_changed_most() -> None:
    spend = {(f"m{n}", "USD"): n for n in range(12)} | {("gone", "EUR"): 0, ("same", "USD"): 5}
    before = {("gone", "EUR"): 100, ("same", "USD"): 5}
    found = movers_of(spend, before)
    assert [(one.name, one.change) for one in found[:3]] == [
        ("gone", -100),
        ("m11", 11),
        ("m10", 10),
    ]
    assert len(found) == 10
    assert [(one.currency, one.spend, one.before) for one in summed(found)] == [
        *(("EUR", 0, 100), ("USD", sum(range(3, 12)), 0)),
    ]


@pytest.mark.parametrize(
    ("spend", "before", "expected"),
    [
        *((3, 2, "+50 %"), (0, 2, "-100 %"), (2, 2, "unchanged")),
        *((2, 0, "new"), (1, -1, "new"), (5000, 2, "+249,900 %")),
    ],
)
def test_a_change_is_in_per_cent(spend: int, before: int, expected: str) -> None:
    assert percent_text(Mover("m", "USD", spend, before)) == expected


def test_what_is_told_is_bounded_and_of_one_line() -> None:
    assert short("a\r\nb\u202e") == "a\ufffd\ufffdb\ufffd"
    name = short("x" * 1_000)
    assert (len(name), name[-1]) == (64, "…")
    mover = Mover("\u4e2d" * 64, "USD", parse_amount("123456789.123"), 1)
    week = week_before(0)
    digest = Digest("acme", week, [mover] * 9, [mover] * 9, [], ["\u4e2d" * 999] * 9, 5)
    assert len(detail_of(digest)) < 8_000
    assert json.loads(detail_of(digest))["totals"][0]["spend"] == "123456789.12 USD"
    shown = digest_json(digest)
    assert (shown["key"], shown["unpriced"]) == (f"digest/tenant/acme/{week.name}", 5)
    everyone = digest._replace(tenant=None)
    assert (everyone.key, everyone.audience) == (f"digest/operators/{week.name}", "all tenants")
