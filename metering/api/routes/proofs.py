"""Proofs of ledgers, and the audit log."""

import re
from typing import Annotated, Final

from fastapi import Query

from metering.api.paging import Cursor, Limit, Page, cursor_at, key_of, sort_key
from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_operators
from metering.core.tenancy.audit import day_of
from metering.documents.reports.proofs import LedgerProof
from metering.documents.tenancy import AuditDocument

router = for_operators("proofs")

#: Proving reads every page of a ledger.
_MAX_PROOFS: Final = 20
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Tenant = Annotated[str | None, Query(max_length=64, description="Only ledgers of this tenant.")]
Proofs = Annotated[int, Query(ge=1, le=_MAX_PROOFS, description="The maximum number of ledgers.")]
Day = Annotated[
    str | None,
    Query(max_length=10, description="A UTC day. Default: today.", examples=["2026-11-20"]),
]


@router.get("/verify")
async def verify(
    app: TheApp, tenant: Tenant = None, limit: Proofs = 5, cursor: Cursor = None
) -> Page[LedgerProof]:
    """Verify ledgers: pages, hashes, totals, and that no id counts twice. Reads every page."""
    listed = f"verify {tenant}"
    after = key_of(listed, cursor, like=("", 0))
    ledgers = sorted(await app.verify.ledgers(tenant), key=lambda one: (one.tenant, one.start))
    rest = [one for one in ledgers if after is None or sort_key(tuple(one)) > sort_key(after)]
    proofs = [LedgerProof.of(await app.verify.one(ledger)) for ledger in rest[:limit]]
    more = len(rest) > limit
    return Page(items=proofs, next=cursor_at(listed, tuple(rest[limit - 1])) if more else None)


@router.get("/audit")
async def audit(
    app: TheApp, day: Day = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[AuditDocument]:
    """List operators' changes on a day, newest first: one entry before and one after each."""
    if day is None:
        day = day_of(app.clock.now())
    if not _DAY.fullmatch(day):
        fault = {"field": "day", "message": "must be a day such as 2026-11-20"}
        raise Problem(422, "day: must be a day such as 2026-11-20", errors=[fault])
    listed = f"audit {day}"
    key = key_of(listed, cursor, like=("",))
    found = await app.audited.entries(day, None if key is None else str(key[0]), limit + 1)
    rows = found[:limit]
    more = cursor_at(listed, (rows[-1].id,)) if len(found) > limit else None
    return Page(items=[AuditDocument.model_validate(entry) for entry in rows], next=more)
