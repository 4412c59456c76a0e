"""HTTP: what the gateway asks before a request."""

import json

import azure.functions as func

from metering import bootstrap
from metering.core.decision import Asked
from metering.core.errors import LedgerBroken, RejectedEvent, RetryableError

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]

_PROBLEM = "application/problem+json"


@blueprint.function_name("admission")
@blueprint.route(
    route="admission/{subscription}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION
)
async def admission(req: func.HttpRequest) -> func.HttpResponse:
    """Tell whether requests of a subscription may go on; 404 and 503 where nobody can know."""
    model = req.params.get("model")
    about = Asked(
        model, req.params.get("product"), req.params.get("use_case"), req.params.get("end_user")
    )
    try:
        found = await bootstrap.current().admission.of(req.route_params["subscription"], about)
    except RejectedEvent as unknown:
        return _problem(404, "Unknown subscription", unknown.reason)
    except (RetryableError, LedgerBroken):
        return _problem(
            503,
            "Not known now",
            "the store is out of reach, or the ledger broken",
            {"Retry-After": "1"},
        )
    headers = {"Cache-Control": f"private, max-age={found.cache_s}"}
    return func.HttpResponse(
        json.dumps(found.document(model)), headers=headers, mimetype="application/json"
    )


def _problem(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    """Return an RFC 9457 problem."""
    body = json.dumps({"title": title, "status": status, "detail": detail})
    return func.HttpResponse(body, status_code=status, headers=headers, mimetype=_PROBLEM)
