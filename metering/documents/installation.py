"""Health of a process, the status of an installation, and the result of the demo."""

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


class StatusAnswer(Document):
    """The answer to one question about an installation."""

    question: str
    answer: Literal["ok", "look", "unknown"]
    figure: int | None = Field(description="Null if it is not known.")
    unit: str = Field(description="The meaning of the figure.")
    remedy: str = Field(description="The next step; empty if all is well.")


class DemoDocument(Figures):
    """A tenant's usage after the demo, compared with an independent sum."""

    tenant: str
    currency: str
    duplicates: int
    expected_amount: str
    differences: list[str]
    faults: list[str]
    last_hash: str
