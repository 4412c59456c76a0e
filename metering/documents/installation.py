"""Health of a process, the status of an installation, and the result of the demo."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field

from metering.core.installation.cost_model import Cost, Limit, Load, Need
from metering.documents.document import Document
from metering.documents.ledger.figures import Figures


class Alive(Document):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Readiness(Document):
    """The process can serve requests."""

    status: Literal["ready", "behind"] = Field(
        description="behind: requests are served, but scheduled work or counting is late."
    )
    effects_lag_s: int = Field(description="Seconds that the oldest effect has been due.")
    hub_lag_s: int | None = Field(
        description="Everything published longer ago is counted; null if not known yet."
    )


class StatusAnswer(Document):
    """The answer to one question about an installation."""

    question: str
    answer: Literal["ok", "look", "unknown"]
    figure: int | None = Field(description="Null if it is not known.")
    unit: str = Field(description="The meaning of the figure.")
    remedy: str = Field(description="The next step; empty if all is well.")


class PlatformLimit(Document):
    """A limit of the platform, and the rate at which it is reached."""

    limit: str
    requests_per_second: int
    next_step: str


class CostDocument(Document):
    """The needs and cost of a load. Amounts are US dollars a month at list prices."""

    requests_per_second: str
    streamed: str
    million_requests: str = Field(description="Requests of a month, in millions.")
    needs: dict[str, int]
    costs: dict[str, str]
    total: str
    per_million: str = Field(description="For a million requests.")
    share_percent: str = Field(description="Of what the tokens of the requests cost.")
    limits: list[PlatformLimit]

    @classmethod
    def of(
        cls,
        load: Load,
        needed: Need,
        costs: Cost,
        limits: Sequence[Limit],
        request_cost: Decimal,
    ) -> Self:
        """Return an estimate; `request_cost` is what the tokens of one request cost."""
        per_million = costs.total / load.millions
        tokens = request_cost * 1_000_000
        return cls(
            requests_per_second=f"{load.requests.normalize():f}",
            streamed=f"{load.streamed.normalize():f}",
            million_requests=f"{load.millions:.2f}",
            needs={
                name: int(value.to_integral_value()) for name, value in needed._asdict().items()
            },
            costs={name: str(value) for name, value in costs._asdict().items()},
            total=str(costs.total),
            per_million=f"{per_million:.2f}",
            share_percent=f"{per_million / tokens * 100:.3f}" if tokens else "",
            limits=[
                PlatformLimit(
                    limit=one.limit,
                    requests_per_second=int(one.requests),
                    next_step=one.next_step,
                )
                for one in limits
            ],
        )


class DemoDocument(Figures):
    """A tenant's usage after the demo, compared with an independent sum."""

    tenant: str
    currency: str
    duplicates: int
    expected_amount: str
    differences: list[str]
    faults: list[str]
    last_hash: str
