"""Health of a process, and the result of the demo."""

from typing import Literal

from pydantic import Field

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


class DemoDocument(Figures):
    """A tenant's usage after the demo, compared with an independent sum."""

    tenant: str
    currency: str
    duplicates: int
    expected_amount: str
    differences: list[str]
    faults: list[str]
    last_hash: str
