"""The cost model of an installation: what a load needs, what that costs, which limit comes first.

docs/sizing.md explains each step and has the sources of figures and prices; a test holds the page
against this module. Rates are those of the peak. Amounts are US dollars a month.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Final, Literal, NamedTuple

type Tier = Literal["BasicV2", "StandardV2", "existing"]

#: Inputs of docs/sizing.md; `streams` is the default share.
INPUTS: Final[Mapping[str, Decimal]] = {
    name: Decimal(value)
    for name, value in {
        "event": "660",
        "log record": "1000",
        "log records an event": "20",
        "streams": "0.3",
        "peak": "3",
        "peak of an hour": "1.5",
        "headroom of hubs": "1.5",
        "headroom of the store": "1.25",
        "register": "7.3",
        "commit": "0.05",
        "instance": "1000",
        "memory of an instance": "2",
        "hours": "730",
        "throughput unit, events": "1000",
        "throughput unit, bytes": "1000000",
        "least autoscale": "0.1",
        "telemetry of a commit": "1043",
        "timer runs": "259971",
    }.items()
}
#: Prices of docs/sizing.md, with their sources and dates there.
PRICES: Final[Mapping[str, Decimal]] = {
    name: Decimal(value)
    for name, value in {
        "Event Hubs, throughput unit": "0.03",
        "Event Hubs, Capture": "0.10",
        "Event Hubs, ingress": "0.028",
        "Functions, execution time": "0.000026",
        "Functions, executions": "0.4",
        "Cosmos DB, autoscale": "0.012",
        "Storage, other operations": "0.44",
        "Log Analytics, ingestion": "2.30",
        "API Management BasicV2": "210",
        "API Management StandardV2": "734",
    }.items()
}
#: Request units of a log row of a final request.
_LOG_ROW: Final = Decimal("0.0174")
_SECONDS: Final = 3_600
_MILLION: Final = 1_000_000
_CENT: Final = Decimal("0.01")
#: Most throughput units of a Standard namespace, most partitions of its hubs, most instances of a
#: Flex Consumption app, and most RU/s of a logical partition (Microsoft's limits, 2026-08).
_UNITS: Final = 40
_PARTITIONS: Final = 32
_INSTANCES: Final = 1_000
_LOGICAL_RU: Final = 10_000


class Formed(NamedTuple):
    """Batch sizes at a rate, with 100 tenants, 8 partitions and waiting as shipped."""

    requests: int
    ru: Decimal
    """Request units an event."""
    commit: Decimal
    """Events a commit."""
    batch: Decimal
    """Events a batch of a hub."""


#: From the simulation in benchmarks/batches.py.
FORMED: Final = (
    Formed(10, Decimal("4.3788"), Decimal("1.4"), Decimal("2.6")),
    Formed(100, Decimal("2.0714"), Decimal("3.2"), Decimal("22.3")),
    Formed(1_000, Decimal("0.6058"), Decimal("12.5"), Decimal("123.0")),
)


class Load(NamedTuple):
    """A load: requests a second at the peak, and the part of them that is streamed."""

    requests: Decimal
    streamed: Decimal = INPUTS["streams"]

    @property
    def events(self) -> Decimal:
        """Events a second: a stream is two."""
        return self.requests * (1 + self.streamed)

    @property
    def formed(self) -> Formed:
        """The batches at the nearest simulated rate below: beyond it they only become cheaper."""
        below = [one for one in FORMED if one.requests <= self.requests]
        return below[-1] if below else FORMED[0]

    @property
    def millions(self) -> Decimal:
        """Million requests of a month."""
        return self.requests * INPUTS["hours"] * _SECONDS / INPUTS["peak"] / _MILLION


class Need(NamedTuple):
    """The resources a load needs."""

    events: Decimal
    usage_units: Decimal
    log_units: Decimal
    partitions: Decimal
    instances: Decimal
    ledgers: Decimal
    """RU/s of the container `ledgers`."""
    others: Decimal
    most_ledgers: Decimal
    most_others: Decimal


class Cost(NamedTuple):
    """The monthly cost of a load, by item, each rounded to the cent."""

    hubs: Decimal
    store: Decimal
    functions: Decimal
    checkpoints: Decimal
    telemetry: Decimal
    gateway: Decimal

    @property
    def total(self) -> Decimal:
        """The sum of the items."""
        return sum(self, Decimal(0))


class Limit(NamedTuple):
    """A limit of the platform: the rate at which it is reached, and the next step."""

    limit: str
    requests: Decimal
    """Requests a second at the peak."""
    next_step: str


def need_of(load: Load) -> Need:
    """Return what a load needs: units, partitions and instances at least."""
    formed, events = load.formed, load.events
    ledgers = events * formed.ru
    others = events / formed.batch * INPUTS["register"] + load.requests * _LOG_ROW
    room = INPUTS["headroom of the store"]
    return Need(
        events,
        _units(events, events * INPUTS["event"]),
        _units(
            load.requests / INPUTS["log records an event"], load.requests * INPUTS["log record"]
        ),
        _up(INPUTS["headroom of hubs"] * events * INPUTS["commit"] / formed.commit),
        _up(events / INPUTS["instance"]) + _up(load.requests / INPUTS["instance"]) + 1,
        ledgers,
        others,
        _up(ledgers * room, 1_000),
        _up(others * room, 1_000),
    )


def cost_of(load: Load, tier: Tier = "existing") -> Cost:
    """Return what a load costs in a month; a gateway that exists costs nothing more."""
    needed, millions = need_of(load), load.millions
    hours, millions_in = INPUTS["hours"], millions * (1 + load.streamed)
    unit = PRICES["Event Hubs, throughput unit"]
    records = millions / INPUTS["log records an event"]
    hubs = (
        needed.usage_units * hours * (unit + PRICES["Event Hubs, Capture"])
        + needed.log_units * hours * unit
        + (millions_in + records) * PRICES["Event Hubs, ingress"]
    )
    hundreds = _billed(needed.ledgers, needed.most_ledgers)
    hundreds += _billed(needed.others, needed.most_others)
    batches = millions_in / load.formed.batch
    memory = INPUTS["memory of an instance"] * PRICES["Functions, execution time"]
    # A run of a timer is billed for a second at least.
    seconds = needed.instances * hours * _SECONDS + INPUTS["timer runs"]
    commits = millions_in / load.formed.commit
    gigabytes = commits * INPUTS["telemetry of a commit"] / 1_000
    return Cost(
        *map(
            _to_cents,
            (
                hubs,
                hundreds / 100 * hours * PRICES["Cosmos DB, autoscale"],
                seconds * memory + batches * PRICES["Functions, executions"],
                batches * PRICES["Storage, other operations"],
                gigabytes * PRICES["Log Analytics, ingestion"],
                PRICES.get(f"API Management {tier}", Decimal(0)),
            ),
        )
    )


def limits_of(streamed: Decimal = INPUTS["streams"]) -> Iterator[Limit]:
    """Yield the limits of the platform by the rate at which each is reached, on paper."""
    largest = FORMED[-1]
    each, room = 1 + streamed, INPUTS["headroom of hubs"]
    partition = largest.commit / INPUTS["commit"]
    found = [
        Limit(
            "one busy ledger: RU/s of a logical partition",
            _LOGICAL_RU / FORMED[0].ru / each,
            "its commits grow with the backlog; split the tenant's subscriptions over tenants",
        ),
        Limit(
            "partitions of a hub (32)",
            _PARTITIONS * partition / each,
            "larger commits come by themselves; then Event Hubs Premium, or a second namespace",
        ),
        Limit(
            "throughput units of a namespace (40)",
            _UNITS * INPUTS["throughput unit, events"] / room / each,
            "Event Hubs Premium or Dedicated, or a second namespace with a gateway of its own",
        ),
        Limit(
            "instances of a scale group (1,000, and one a partition)",
            _INSTANCES * INPUTS["instance"] / each,
            "a second function app on a second namespace",
        ),
        Limit(
            "RU/s of the store (1,000,000 without asking Microsoft)",
            _MILLION / (largest.ru * each) / INPUTS["headroom of the store"],
            "ask for more, or a second installation",
        ),
    ]
    yield from sorted(found, key=lambda limit: limit.requests)


def _units(events: Decimal, size: Decimal) -> Decimal:
    by_events = events / INPUTS["throughput unit, events"]
    by_size = size / INPUTS["throughput unit, bytes"]
    return _up(INPUTS["headroom of hubs"] * max(by_events, by_size))


def _billed(needed: Decimal, most: Decimal) -> Decimal:
    """Return the RU/s that a mean hour is billed for."""
    mean = needed / INPUTS["peak"] * INPUTS["peak of an hour"]
    return _up(max(mean, most * INPUTS["least autoscale"]), 100)


def _up(figure: Decimal, step: int = 1) -> Decimal:
    """Round up to the next multiple of `step`."""
    return (figure / step).to_integral_value(ROUND_CEILING) * step


def _to_cents(amount: Decimal) -> Decimal:
    return amount.quantize(_CENT, ROUND_HALF_EVEN)
