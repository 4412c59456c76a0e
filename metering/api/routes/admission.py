"""Admission: the gateway's question before each request."""

from typing import Annotated, Any

from fastapi import Depends, Path, Query
from fastapi.responses import JSONResponse

from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_the_gateway
from metering.core.basics.errors import RejectedEvent
from metering.core.plans.scope import Attributes
from metering.documents.quotas.admission import AdmissionDocument

router = for_the_gateway("admission")

Subject = Annotated[
    str, Path(min_length=1, max_length=256, description="A subscription, or app:<client id>.")
]


def _attribute(name: str) -> Any:
    about = f"The {name} of the requests; empty if they have none."
    return Query(max_length=256, description=about)


async def _attributes(
    model: Annotated[str | None, _attribute("model or deployment")] = None,
    product: Annotated[str | None, _attribute("product")] = None,
    use_case: Annotated[str | None, _attribute("use case")] = None,
    end_user: Annotated[str | None, _attribute("end user")] = None,
    agent: Annotated[str | None, _attribute("agent")] = None,
    session: Annotated[str | None, _attribute("session")] = None,
    requested_model: Annotated[str | None, _attribute("requested model")] = None,
) -> Attributes:
    asked = None if requested_model is None else requested_model.casefold()
    return Attributes(model, product, use_case, end_user, None, agent, session, asked)


@router.get("/admission/{subscription:path}", response_model=AdmissionDocument)
async def admission(
    app: TheApp, subscription: Subject, about: Annotated[Attributes, Depends(_attributes)]
) -> JSONResponse:
    """Return whether requests of a subscription are admitted; 404 if it is unknown."""
    try:
        found = await app.admission.of(subscription, about)
    except RejectedEvent as unknown:
        raise Problem(404, unknown.reason, title="Unknown subscription") from None
    headers = {"Cache-Control": f"private, max-age={found.cache_s}"}
    return JSONResponse(found.document(about.model), headers=headers)
