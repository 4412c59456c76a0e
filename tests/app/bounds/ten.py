"""Ten ledgers, one of which is sick: what is done to it, and who must not notice."""

from collections.abc import Awaitable, Callable
from typing import Any

from metering.core.calendars.periods import LedgerId, month_of
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, body
from tests.doubles.cosmos import CosmosPeer, Fault, RequestInfo
from tests.systems import System

type Make = Callable[..., Awaitable[System]]

TENANTS = [f"t-{n}" for n in range(10)]
#: One in the middle, so that some come before it and some after.
SICK = "t-4"
PERIOD = month_of(AT)
LEDGERS = {tenant: LedgerId(tenant, PERIOD.start) for tenant in TENANTS}


def subject(tenant: str) -> str:
    return f"sub-{tenant}"


async def one_each(system: System, name: str, **changes: Any) -> Any:
    return await ingest(
        system, *(body(id=f"{name}-{t}", subject=subject(t), **changes) for t in TENANTS)
    )


REFUSED = {
    "full": (403, 1014, "a logical partition has its 20 GB"),
    "oversized": (413, 0, "more bytes than one request may have"),
    "unknown": (400, 0, "status 400"),
}


def refuse(peer: CosmosPeer, harm: str) -> None:
    """Let the store refuse every write to the ledger of the sick tenant."""
    status, substatus, _ = REFUSED[harm]

    def choose(request: RequestInfo) -> Fault | None:
        writes = request.kind in {"create", "upsert", "replace", "batch", "patch"}
        if writes and request.container == "ledgers" and f"{SICK}|" in request.partition_key:
            return Fault(what="fail_before", status=status, substatus=substatus)
        return None

    peer.faults.schedule(choose)


def is_told(system: System) -> bool:
    return any(SICK in message for message in system.alerts.messages)
