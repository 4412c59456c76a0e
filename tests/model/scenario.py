"""A scenario: a tenant's terms, and what happens to it, in order of the clock."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

type Terms = dict[str, Any]
"""A plan as its file has it."""


@dataclass(frozen=True)
class Price:
    """A price per million tokens by bucket, or per unit of another meter."""

    model: str
    channel: str
    since: datetime
    prices: dict[str, str]
    unit: str = "token"


@dataclass(frozen=True)
class Use:
    """An event: a request to a model, or so much of another meter."""

    at: datetime
    id: str
    time: datetime
    model: str
    counts: dict[str, str]
    """Counts by bucket; of another meter its `quantity`."""
    evidence: str = "full"
    status: int = 200
    unit: str = "token"


@dataclass(frozen=True)
class Give:
    """A grant."""

    at: datetime
    id: str
    amount: str
    start: datetime
    expiry: datetime | None
    priority: int
    channel: str | None


@dataclass(frozen=True)
class Adjust:
    at: datetime
    id: str
    amount: str
    about: str | None


@dataclass(frozen=True)
class Publish:
    """A version of prices; `everything` also corrects usage that has a price already."""

    at: datetime
    version: str
    prices: tuple[Price, ...]
    everything: bool


@dataclass(frozen=True)
class Close:
    at: datetime


type Step = Use | Give | Adjust | Publish | Close


@dataclass(frozen=True)
class Scenario:
    seed: int
    zone: str
    cycle: str
    anchor: int
    began: datetime
    """When the tenant is set up."""
    prices: tuple[Price, ...]
    plans: tuple[tuple[datetime | None, Terms], ...]
    """Its plans, each from the start of a period on; the first from the beginning."""
    steps: tuple[Step, ...] = field(default=())

    @property
    def currency(self) -> str:
        return str(self.plans[0][1]["currency"])

    def __str__(self) -> str:
        """Return the scenario for people, a line for each thing in it."""
        calendar = f"{self.cycle} from {self.anchor}, {self.zone}"
        lines = [f"seed {self.seed}: {calendar}, set up {_t(self.began)}"]
        lines += [
            f"  price {one.model} {one.channel} {_t(one.since)} {one.prices}" for one in self.prices
        ]
        lines += [f"  plan from {_t(start)} {terms}" for start, terms in self.plans]
        lines += [f"  {_told(step)}" for step in self.steps]
        return "\n".join(lines)


def _told(step: Step) -> str:
    fields = (
        f"{name}={_t(value) if isinstance(value, datetime) else value}"
        for name, value in vars(step).items()
        if name != "at" and value is not None
    )
    return f"{_t(step.at)} {type(step).__name__} {' '.join(fields)}"


def _t(time: datetime | None) -> str:
    return "the beginning" if time is None else time.isoformat().replace("+00:00", "Z")
