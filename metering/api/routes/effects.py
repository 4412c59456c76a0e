"""Effects: what the outside is still to be told, and what was given up."""

from typing import Annotated

from fastapi import Query

from metering.api.auditing import Change, change
from metering.api.paging import MAX_LIMIT, Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.routers import for_operators
from metering.api.shapes.operations import DueAgain, EffectShown
from metering.ports import StoredEffect

router = for_operators("effects")

#: Effects that pages go over: the first ones; what is beyond comes up as these are dealt with.
_MAX_LISTED = 10 * MAX_LIMIT

Parked = Annotated[bool, Query(description="Those that were given up, not those that wait.")]


@router.get("/effects")
async def list_effects(
    app: TheApp, *, parked: Parked = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[EffectShown]:
    """List what is still to be told, the next one first; or what was given up."""
    deliver = app.deliver_effects
    found = await (deliver.parked(_MAX_LISTED) if parked else deliver.waiting(_MAX_LISTED))
    return page_of(
        sorted(found, key=_key),
        _key,
        EffectShown.of,
        listed=f"effects {parked}",
        cursor=cursor,
        limit=limit,
    )


def _key(stored: StoredEffect) -> tuple[int, str]:
    return stored.due or stored.effect.created, stored.effect.key


@router.post("/effects/retry")
async def retry_effects(app: TheApp, caller: TheCaller) -> DueAgain:
    """Make what was given up due again, for one more attempt each."""
    again = await change(
        app,
        caller,
        Change("effects.retry", "effects"),
        lambda: None,
        app.deliver_effects.retry_parked,
    )
    return DueAgain(effects=again)
