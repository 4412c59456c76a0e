"""Evidence: what proves a tenant's bill without this system (docs/proofs.md)."""

from typing import Any, Final

from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from metering.adapters.evidence.verifier import VERIFIER_NAME, verifier
from metering.api.parameters import TheApp, TheTenant
from metering.api.problems import Problem
from metering.api.routers import about_tenants, for_everybody
from metering.api.routes.balance import period_named
from metering.api.routes.statements import PeriodOfPath, plain
from metering.app.ledger.reading import head_of
from metering.core.calendars.periods import LedgerId

routers = about_tenants("evidence")
router = for_everybody("evidence")

_LINES: Final = "application/x-ndjson"
#: A host of Functions keeps a response in memory: some 30 MB.
MAX_ENTRIES: Final = 100_000
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {_LINES: {}}, "description": "The evidence file, as lines of JSON."}
}


@routers.own.get("/evidence/{period}", response_class=Response, responses=_RESPONSES)
@routers.named.get("/evidence/{period}", response_class=Response, responses=_RESPONSES)
async def evidence(app: TheApp, tenant: TheTenant, period: PeriodOfPath) -> Response:
    """Return what proves the bill of a period. Check it with the verifier and an anchor."""
    of = await period_named(app, tenant, period)
    head = await head_of(app.ledgers, LedgerId(tenant, of.start))
    if head is not None and head.entries > MAX_ENTRIES:
        raise Problem(
            413,
            f"The period has more than {MAX_ENTRIES} entries: an operator writes the file with"
            " `metering evidence`.",
        )
    name = plain(f"{tenant}-{of.name}-evidence.jsonl")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    lines = app.evidence.lines(tenant, of)
    return StreamingResponse(lines, headers=headers, media_type=_LINES)


@router.get("/evidence/verifier", response_class=PlainTextResponse)
async def verifier_of_evidence() -> PlainTextResponse:
    """Return the verifier: one file that needs Python and nothing else."""
    headers = {"Content-Disposition": f'attachment; filename="{VERIFIER_NAME}"'}
    return PlainTextResponse(verifier(), headers=headers)
