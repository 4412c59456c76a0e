"""Admission: the gateway's question before each request."""

from typing import Annotated, Any

from fastapi import Path, Query
from fastapi.responses import JSONResponse

from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_the_gateway
from metering.core.basics.errors import RejectedEvent
from metering.core.quotas.decision import Asked
from metering.documents.quotas.admission import AdmissionDocument

router = for_the_gateway("admission")

Subject = Annotated[
    str, Path(min_length=1, max_length=256, description="A subscription, or app:<client id>.")
]


def _dimension(name: str) -> Any:
    return Query(max_length=256, description=f"The {name} of the requests.")


@router.get("/admission/{subscription:path}", response_model=AdmissionDocument)
async def admission(
    app: TheApp,
    subscription: Subject,
    model: Annotated[str | None, _dimension("model or deployment")] = None,
    product: Annotated[str | None, _dimension("product")] = None,
    use_case: Annotated[str | None, _dimension("use case")] = None,
    end_user: Annotated[str | None, _dimension("end user")] = None,
) -> JSONResponse:
    """Return whether requests of a subscription are admitted; 404 if it is unknown."""
    about = Asked(model, product, use_case, end_user)
    try:
        found = await app.admission.of(subscription, about)
    except RejectedEvent as unknown:
        raise Problem(404, unknown.reason, title="Unknown subscription") from None
    headers = {"Cache-Control": f"private, max-age={found.cache_s}"}
    return JSONResponse(found.document(model), headers=headers)
