"""The page about sizing: every figure of its tables follows from the inputs it states."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from benchmarks.batches import NO_WAIT, Charges, simulate, ways
from metering.core.basics.instants import SECOND
from metering.core.hubs.batch_wait import DEFAULT_WAIT
from metering.core.installation.cost_model import (
    FORMED,
    INPUTS,
    PRICES,
    Load,
    cost_of,
    limits_of,
    need_of,
)
from metering.triggers.timers import TIMERS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/sizing.md").read_text()
BENCHMARKS: Final = (ROOT / "benchmarks/README.md").read_text()
CENT: Final = Decimal("0.01")


def rows(title: str, page: str = PAGE) -> list[list[str]]:
    """Return the cells of the table whose heading begins with `title`."""
    start = page.index(f"| {title} |")
    lines = page[start:].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(cell: str) -> Decimal:
    return Decimal(cell.replace(",", ""))


INPUT: Final = {name: number(value) for name, value, *_ in rows("input")}
RU: Final = {what: number(value) / 1_000 for what, value in rows("what | RU")}
PRICE: Final = {meter: number(value) for meter, value, *_ in rows("meter")}


NEEDED: Final = rows("requests/s at the peak | events a commit")
COSTS: Final = rows("requests/s at the peak | million requests")
SIMULATED: Final = rows("requests/s | wait", BENCHMARKS)
OTHERS: Final = rows("requests/s | tenants", BENCHMARKS)
SHIPPED: Final = "2 s, falling, if busy"
#: As the benchmarks say: of commits by their size, and of a batch beside them.
CHARGES: Final = Charges(
    0.0, {1: 6.06, 2: 6.88, 5: 7.5, 10: 7.86, 50: 9.98, 200: 15.13, 1_000: 60.39}
)


def load_of(row: list[str]) -> Load:
    return Load(number(row[0]))


def test_the_inputs_and_prices_are_those_of_the_model() -> None:
    assert INPUT == INPUTS
    assert PRICE == PRICES
    assert INPUT["timer runs"] == round(sum(runs_a_month(one.schedule) for one in TIMERS))


def runs_a_month(schedule: str) -> Decimal:
    """Return the runs of a schedule in 730 hours; its fields are numbers, * or */N."""
    seconds, minutes, hours, *_ = schedule.split()
    of_hour = Decimal(1)
    for field, size in ((seconds, 60), (minutes, 60)):
        if field == "*":
            of_hour *= size
        elif field.startswith("*/"):
            of_hour *= size // int(field.removeprefix("*/"))
    return of_hour * INPUT["hours"] / (1 if hours == "*" else 24)


@pytest.mark.parametrize("row", NEEDED, ids=lambda row: f"{row[0]} requests a second")
def test_what_is_needed_follows_from_the_inputs(row: list[str]) -> None:
    load = load_of(row)
    assert list(map(number, row[1:3])) == [load.formed.commit, load.formed.batch]
    # Request units are stated in whole numbers.
    assert list(map(number, row[3:])) == [round(figure) for figure in need_of(load)]


@pytest.mark.parametrize("row", COSTS, ids=lambda row: f"{row[0]} requests a second")
def test_what_it_costs_follows_from_what_is_needed_and_the_prices(row: list[str]) -> None:
    load = load_of(row)
    cost = cost_of(load)
    items = [cost.hubs, cost.store, cost.functions, cost.checkpoints, cost.telemetry]
    a_million = (cost.total / load.millions).quantize(CENT)
    assert list(map(number, row[1:])) == [load.millions, *items, cost.total, a_million]
    assert cost.gateway == 0
    # Of 3,500 dollars a million for the tokens.
    assert f"{(a_million / 35).quantize(Decimal('0.001'))} % at {row[0]}/s" in PAGE


def test_the_worked_example_is_what_the_page_says_by_hand() -> None:
    # 2 x 730 x 0.13 + 2 x 730 x 0.03 + 876 x 1.35 x 0.028 = 189.80 + 43.80 + 33.1128 = 266.7128;
    # 5 x 730 x 0.012 = 43.80; 4 x 2 x 2,628,000 x 0.000026 + 259,971 x 2 x 0.000026
    # + 876 x 1.3 / 123 x 0.4 = 546.624 + 13.518 + 3.7034... = 563.845...;
    # 9.2585... x 0.44 = 4.0737...; 876 x 1.3 / 12.5 x 1,043 / 1,000 x 2.30 = 218.549....
    assert cost_of(Load(Decimal(1_000))) == tuple(
        map(Decimal, ("266.71", "43.80", "563.85", "4.07", "218.55", "0"))
    )
    assert cost_of(Load(Decimal(1_000)), "BasicV2").gateway == Decimal(210)


def test_limits_come_in_the_order_in_which_they_are_reached() -> None:
    found = list(limits_of())
    stated = rows("limit | requests/s")
    assert [(one.limit, f"{int(one.requests):,}", one.next_step) for one in found] == [
        tuple(row) for row in stated
    ]
    assert [one.requests for one in found] == sorted(one.requests for one in found)


def test_below_what_is_simulated_the_lowest_rate_holds() -> None:
    assert Load(Decimal(1)).formed == Load(Decimal(10)).formed == FORMED[0]
    assert Load(Decimal(50_000)).formed == FORMED[-1]


def test_request_units_and_batches_are_those_of_the_benchmarks() -> None:
    shipped = {row[0]: row for row in SIMULATED if row[1] == SHIPPED}
    for requests in ("10", "100", "1,000"):
        given, simulated = Load(number(requests)).formed, shipped[requests]
        measured = [number(simulated[place]) for place in (2, 3, 4)]
        assert [given.ru * 1_000, given.batch, given.commit] == measured
        assert RU[f"{requests} requests/s"] == given.ru
    (logs,) = (
        figure
        for line, _, figure, *_ in rows("line | events a batch", BENCHMARKS)
        if line == "metering, logs of final requests"
    )
    assert number(logs) == RU["logs of final requests"] * 1_000


def test_what_waiting_saves_and_costs_is_what_the_benchmarks_simulate() -> None:
    found = {(row[0], row[1]): row for row in SIMULATED}
    for requests, none, two, commit, older, p99, usd_none, usd_two in rows(
        "requests/s | RU for 1,000, no wait"
    ):
        without, shipped = found[requests, "none"], found[requests, SHIPPED]
        assert (none, usd_none) == (without[2], without[9])
        assert (two, commit, older, p99, usd_two) == tuple(shipped[n] for n in (2, 4, 7, 6, 9))


WAITS: Final = {wait.name: wait for wait in ways()}


@pytest.mark.parametrize("row", SIMULATED, ids=lambda row: f"{row[0]}/s, {row[1]}")
def test_the_simulation_gives_what_the_benchmarks_say(row: list[str]) -> None:
    rate = int(number(row[0]))
    formed = simulate(CHARGES, rate, 100, 8, WAITS[row[1]])
    none = simulate(CHARGES, rate, 100, 8, NO_WAIT)
    added = round(formed.delay_mean_s - none.delay_mean_s, 3)
    assert [float(number(cell.removesuffix(" s"))) for cell in row[2:]] == [
        formed.ru_per_1000_requests,
        formed.events_a_batch,
        formed.events_a_commit,
        formed.delay_mean_s,
        formed.delay_p99_s,
        added,
        formed.instances,
        formed.usd_a_million,
    ]


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: "/".join(row[:3]))
def test_the_other_combinations_are_what_the_simulation_gives(row: list[str]) -> None:
    rate, tenants, partitions = (int(number(cell)) for cell in row[:3])
    none, shipped = (
        simulate(CHARGES, rate, tenants, partitions, wait) for wait in (NO_WAIT, WAITS[SHIPPED])
    )
    assert [float(number(cell)) for cell in row[3:]] == [
        none.ru_per_1000_requests,
        shipped.ru_per_1000_requests,
        none.usd_a_million,
        shipped.usd_a_million,
    ]


def test_what_is_shipped_is_what_was_simulated() -> None:
    assert f"{DEFAULT_WAIT // SECOND} s, falling, if busy" == SHIPPED
    assert all(f"{value}" in BENCHMARKS for value in CHARGES.commits.values())


def test_the_benchmarks_say_how_large_an_event_is() -> None:
    assert f"about {INPUT['event']} bytes each" in BENCHMARKS


def test_every_price_names_its_source_and_when_it_was_read() -> None:
    assert all(re.search(r"20\d\d-\d\d-\d\d", source) for *_, source in rows("meter"))
