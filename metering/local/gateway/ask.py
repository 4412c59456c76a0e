"""Asks the local system itself whether a request may go on, as the policy asks the API."""

from metering.bootstrap import App
from metering.core.decision import Asked
from metering.core.errors import RejectedEvent, RetryableError
from metering.local.gateway.admission import Admission, Document


def admission_of(app: App) -> Admission:
    """Return the admission of an app; where nobody can know, requests go on (fail-open)."""

    async def ask(subscription: str, model: str) -> Document:
        try:
            found = await app.admission.of(subscription, Asked(model))
        except (RejectedEvent, RetryableError):
            return {"verdict": "allow"}
        return found.document(model)

    return ask
