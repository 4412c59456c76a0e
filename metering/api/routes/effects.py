"""Effects: notifications that wait for delivery, and those that were given up."""

from typing import Annotated

from fastapi import Query

from metering.api.auditing import Change, change
from metering.api.paging import MAX_LIMIT, Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.routers import for_operators
from metering.documents.ledger.effects import EffectDocument, RetriedEffects
from metering.ports import StoredEffect

router = for_operators("effects")

#: Effects that a list covers: the first ones by due time.
_MAX_LISTED = 10 * MAX_LIMIT

Parked = Annotated[
    bool, Query(description="List effects that were given up instead of those that wait.")
]


@router.get("/effects")
async def list_effects(
    app: TheApp, *, parked: Parked = False, limit: Limit = 50, cursor: Cursor = None
) -> Page[EffectDocument]:
    """List effects that wait for delivery, the next one first, or those given up."""
    deliver = app.deliver_effects
    found = await (deliver.parked(_MAX_LISTED) if parked else deliver.waiting(_MAX_LISTED))
    return page_of(
        sorted(found, key=_key),
        _key,
        EffectDocument.of,
        listed=f"effects {parked}",
        cursor=cursor,
        limit=limit,
    )


def _key(stored: StoredEffect) -> tuple[int, str]:
    return stored.due or stored.effect.created, stored.effect.key


@router.post("/effects/retry")
async def retry_effects(app: TheApp, caller: TheCaller) -> RetriedEffects:
    """Schedule one more attempt for each effect that was given up."""
    again = await change(
        app,
        caller,
        Change("effects.retry", "effects"),
        lambda: None,
        app.deliver_effects.retry_parked,
    )
    return RetriedEffects(effects=again)
