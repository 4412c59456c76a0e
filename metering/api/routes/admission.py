"""Admission: what the gateway asks before a request."""

from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import JSONResponse

from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_the_gateway
from metering.api.shapes.admissions import Admission
from metering.core.basics.errors import RejectedEvent
from metering.core.quotas.decision import Asked

router = for_the_gateway("admission")

Subject = Annotated[
    str, Path(min_length=1, max_length=256, description="A subscription, or app:<client id>.")
]


def _named(what: str) -> Any:
    return Query(max_length=256, description=f"The {what} of the requests that are asked about.")


@router.get("/admission/{subscription:path}", response_model=Admission)
async def admission(
    app: TheApp,
    subscription: Subject,
    model: Annotated[str | None, _named("model or deployment")] = None,
    product: Annotated[str | None, _named("product")] = None,
    use_case: Annotated[str | None, _named("use case")] = None,
    end_user: Annotated[str | None, _named("end user")] = None,
) -> JSONResponse:
    """Tell whether requests of a subscription may go on; 404 and 503 where nobody can know."""
    about = Asked(model, product, use_case, end_user)
    try:
        found = await app.admission.of(subscription, about)
    except RejectedEvent as unknown:
        raise Problem(404, unknown.reason, title="Unknown subscription") from None
    headers = {"Cache-Control": f"private, max-age={found.cache_s}"}
    return JSONResponse(found.document(model), headers=headers)
