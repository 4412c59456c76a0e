"""The page about sizing: every figure of its tables follows from the inputs it states."""

import re
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Final, NamedTuple

import pytest

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


def ru_of(batch: Decimal) -> Decimal:
    return RU[f"{batch} event{'' if batch == 1 else 's'} a commit"]


def need(requests: Decimal, batch: Decimal) -> Need:
    streams = requests * INPUT["streams"]
    events = requests + streams
    others = events / batch * INPUT["register"] + requests * RU["logs of final requests"]
    ledgers = events * ru_of(batch)
    room = INPUT["headroom of the store"]
    return Need(
        events,
        units(events, events * INPUT["event"]),
        units(requests / INPUT["log records an event"], requests * INPUT["log record"]),
        up(INPUT["headroom of hubs"] * events * INPUT["commit"] / batch),
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


def cost(requests: Decimal, batch: Decimal) -> tuple[Decimal, ...]:
    needed = need(requests, batch)
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
        + millions_in / batch * PRICE["Functions, executions"]
    )
    total = hubs + store + functions
    return (millions, *(to_cents(one) for one in (hubs, store, functions, total, total / millions)))


def to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


NEEDED: Final = rows("requests/s at the peak | events a commit")
COSTS: Final = rows("requests/s at the peak | million requests")
BATCHES: Final = {requests: number(batch) for requests, batch, *_ in NEEDED}


@pytest.mark.parametrize("row", NEEDED, ids=lambda row: f"{row[0]} requests a second")
def test_what_is_needed_follows_from_the_inputs(row: list[str]) -> None:
    requests, batch, *stated = map(number, row)
    # Request units are stated in whole numbers.
    worked_out = [round(figure) for figure in need(requests, batch)]
    assert stated == worked_out


@pytest.mark.parametrize("row", COSTS, ids=lambda row: f"{row[0]} requests a second")
def test_what_it_costs_follows_from_what_is_needed_and_the_prices(row: list[str]) -> None:
    assert tuple(map(number, row[1:])) == cost(number(row[0]), BATCHES[row[0]])


def test_the_worked_example_is_what_the_page_says_by_hand() -> None:
    # 2 x 730 x 0.13 + 2 x 730 x 0.03 + 876 x 1.35 x 0.028 = 189.80 + 43.80 + 33.1128 = 266.7128;
    # 11 x 730 x 0.012 = 96.36; 4 x 2 x 2,628,000 x 0.000026 + 113.88 x 0.4 = 546.624 + 45.552
    # = 592.176; the sum is 955.2488, and / 876 = 1.0904....
    assert cost(Decimal(1_000), Decimal(10)) == (
        Decimal(876),
        *map(Decimal, ("266.71", "96.36", "592.18", "955.25", "1.09")),
    )


def test_request_units_are_those_of_the_benchmarks() -> None:
    measured = {
        (line, batch): figure
        for line, batch, figure, *_ in rows("line | events a batch", BENCHMARKS)
    }
    for what, figure in rows("what | RU"):
        events = re.match(r"(\d+) events? a commit", what)
        line = ("metering", events[1]) if events else (f"metering, {what}", "200")
        assert measured[line] == figure


def test_the_benchmarks_say_how_large_an_event_is() -> None:
    assert f"about {INPUT['event']} bytes each" in BENCHMARKS


def test_every_price_names_its_source_and_when_it_was_read() -> None:
    assert all(re.search(r"20\d\d-\d\d-\d\d", source) for *_, source in rows("meter"))
