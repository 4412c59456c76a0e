"""Changes by operators: refusals as problems, and entries in the audit log."""

import uuid
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from metering import bootstrap
from metering.api.problems import refusals
from metering.app.tenancy.audited import Act, Json, Look
from metering.core.tenancy.access import Caller


class Change(NamedTuple):
    """What an operator asks for."""

    action: str
    resource: str
    wanted: Json | None = None


async def change[T](
    app: bootstrap.App,
    caller: Caller,
    asked: Change,
    look: Look,
    work: Callable[[], Awaitable[T]],
) -> T:
    """Do what is asked for, audited; what is refused becomes a problem."""
    act = Act(str(uuid.uuid4()), caller.subject, *asked)
    with refusals():
        return await app.audited.do(act, look, work)
