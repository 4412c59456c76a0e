"""The page about sizing: every figure of its tables follows from the inputs it states."""

import re
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from benchmarks.batches import NO_WAIT, Charges, simulate, ways
from metering.core.basics.instants import SECOND
from metering.core.hubs.batch_wait import DEFAULT_WAIT

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/sizing.md").read_text()
BENCHMARKS: Final = (ROOT / "benchmarks/README.md").read_text()
CENT: Final = Decimal("0.01")
SECONDS: Final = 3_600


def rows(title: str, page: str = PAGE) -> list[list[str]]:
    """Return the cells of the table whose heading begins with `title`."""
    start = page.index(f"| {title} |")
    lines = page[start:].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(cell: str) -> Decimal:
    return Decimal(cell.replace(",", ""))


def up(figure: Decimal, step: int = 1) -> Decimal:
    """Round up to the next multiple of `step`."""
    return (figure / step).to_integral_value(ROUND_CEILING) * step


INPUT: Final = {name: number(value) for name, value, *_ in rows("input")}
RU: Final = {what: number(value) / 1_000 for what, value in rows("what | RU")}
PRICE: Final = {meter: number(value) for meter, value, *_ in rows("meter")}


class Need(NamedTuple):
    """A row of the first table, after the two columns that are given."""

    events: Decimal
    usage_units: Decimal
    log_units: Decimal
    partitions: Decimal
    instances: Decimal
    ledgers: Decimal
    others: Decimal
    most_ledgers: Decimal
    most_others: Decimal


def units(events: Decimal, size: Decimal) -> Decimal:
    return up(
        INPUT["headroom of hubs"]
        * max(
            events / INPUT["throughput unit, events"],
            size / INPUT["throughput unit, bytes"],
        )
    )


class Batches(NamedTuple):
    """How events come together at a rate."""

    requests: Decimal
    commit: Decimal
    batch: Decimal
    ru: Decimal
    """Request units an event."""


def batches(requests: str, commit: Decimal, batch: Decimal) -> Batches:
    # Beyond what is simulated, as at the highest rate that is.
    simulated = requests if f"{requests} requests/s" in RU else "1,000"
    return Batches(number(requests), commit, batch, RU[f"{simulated} requests/s"])


def need(given: Batches) -> Need:
    requests = given.requests
    events = requests * (1 + INPUT["streams"])
    filed = events / given.batch * INPUT["register"]
    others = filed + requests * RU["logs of final requests"]
    ledgers = events * given.ru
    room = INPUT["headroom of the store"]
    return Need(
        events,
        units(events, events * INPUT["event"]),
        units(requests / INPUT["log records an event"], requests * INPUT["log record"]),
        up(INPUT["headroom of hubs"] * events * INPUT["commit"] / given.commit),
        up(events / INPUT["instance"]) + up(requests / INPUT["instance"]) + 1,
        ledgers,
        others,
        up(ledgers * room, 1_000),
        up(others * room, 1_000),
    )


def billed(needed: Decimal, most: Decimal) -> Decimal:
    """Return the request units a second that a mean hour is billed for."""
    mean = needed / INPUT["peak"] * INPUT["peak of an hour"]
    return up(max(mean, most * INPUT["least autoscale"]), 100)


def cost(given: Batches) -> tuple[Decimal, ...]:
    requests, needed = given.requests, need(given)
    hours = INPUT["hours"]
    millions = requests * hours * SECONDS / INPUT["peak"] / 1_000_000
    millions_in = millions * (1 + INPUT["streams"])
    of_usage = PRICE["Event Hubs, throughput unit"] + PRICE["Event Hubs, Capture"]
    hubs = (
        needed.usage_units * hours * of_usage
        + needed.log_units * hours * PRICE["Event Hubs, throughput unit"]
        + (millions_in + millions / INPUT["log records an event"]) * PRICE["Event Hubs, ingress"]
    )
    hundreds = (
        billed(needed.ledgers, needed.most_ledgers) + billed(needed.others, needed.most_others)
    ) / 100
    store = hundreds * hours * PRICE["Cosmos DB, autoscale"]
    busy = needed.instances * INPUT["memory of an instance"] * hours * SECONDS
    functions = (
        busy * PRICE["Functions, execution time"]
        + millions_in / given.batch * PRICE["Functions, executions"]
    )
    total = hubs + store + functions
    return (millions, *(to_cents(one) for one in (hubs, store, functions, total, total / millions)))


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


NEEDED: Final = rows("requests/s at the peak | events a commit")
COSTS: Final = rows("requests/s at the peak | million requests")
BATCHES: Final = {
    requests: batches(requests, number(commit), number(batch))
    for requests, commit, batch, *_ in NEEDED
}
SIMULATED: Final = rows("requests/s | wait", BENCHMARKS)
OTHERS: Final = rows("requests/s | tenants", BENCHMARKS)
SHIPPED: Final = "2 s, falling, if busy"
#: As the benchmarks say: of commits by their size, and of a batch beside them.
CHARGES: Final = Charges(
    0.0, {1: 6.06, 2: 6.88, 5: 7.5, 10: 7.86, 50: 9.98, 200: 15.13, 1_000: 60.39}
)


@pytest.mark.parametrize("row", NEEDED, ids=lambda row: f"{row[0]} requests a second")
def test_what_is_needed_follows_from_the_inputs(row: list[str]) -> None:
    stated = list(map(number, row[3:]))
    # Request units are stated in whole numbers.
    worked_out = [round(figure) for figure in need(BATCHES[row[0]])]
    assert stated == worked_out


@pytest.mark.parametrize("row", COSTS, ids=lambda row: f"{row[0]} requests a second")
def test_what_it_costs_follows_from_what_is_needed_and_the_prices(row: list[str]) -> None:
    assert tuple(map(number, row[1:])) == cost(BATCHES[row[0]])


def test_the_worked_example_is_what_the_page_says_by_hand() -> None:
    # 2 x 730 x 0.13 + 2 x 730 x 0.03 + 876 x 1.35 x 0.028 = 189.80 + 43.80 + 33.1128 = 266.7128;
    # 5 x 730 x 0.012 = 43.80; 4 x 2 x 2,628,000 x 0.000026 + 876 x 1.3 / 123 x 0.4 = 546.624
    # + 3.7034... = 550.327...; the sum is 860.840..., and / 876 = 0.9826....
    assert cost(BATCHES["1,000"]) == (
        Decimal(876),
        *map(Decimal, ("266.71", "43.80", "550.33", "860.84", "0.98")),
    )


def test_request_units_and_batches_are_those_of_the_benchmarks() -> None:
    shipped = {row[0]: row for row in SIMULATED if row[1] == SHIPPED}
    for requests in ("10", "100", "1,000"):
        given, simulated = BATCHES[requests], shipped[requests]
        measured = [number(simulated[place]) for place in (2, 3, 4)]
        assert [given.ru * 1_000, given.batch, given.commit] == measured
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
