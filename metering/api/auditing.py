"""Changes by operators: audited, with rejections as problems."""

import uuid
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from metering import bootstrap
from metering.api.problems import refusals
from metering.app.tenancy.audited import Act, Json, Look
from metering.core.tenancy.access import Caller


class Change(NamedTuple):
    """A requested change."""

    action: str
    resource: str
    wanted: Json | None = None


async def change[T](
    app: bootstrap.App,
    caller: Caller,
    requested: Change,
    look: Look,
    work: Callable[[], Awaitable[T]],
) -> T:
    """Make a change and audit it. A rejection becomes a problem."""
    act = Act(str(uuid.uuid4()), caller.subject, *requested)
    with refusals():
        return await app.audited.do(act, look, work)
