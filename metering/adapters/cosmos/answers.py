"""The charge, status and time that the service reports with every answer."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from metering.ports import Telemetry

_CONTAINER: Final = re.compile(r"/colls/([A-Za-z0-9_-]{1,255})")
_THROTTLED: Final = 429


class Answer(NamedTuple):
    """One answer; each retry of the SDK has its own."""

    status: int
    container: str
    """Empty for requests about the account or a database."""
    request_units: float
    date: str
    """The Date header; empty if the answer has none."""


type OnAnswer = Callable[[Answer], None]


def ignore_answer(_answer: Answer) -> None:
    """Do nothing."""


def charge_to(telemetry: Telemetry) -> OnAnswer:
    """Return a callback that counts request units and throttled requests by container."""

    def charge(answer: Answer) -> None:
        labels = {"container": answer.container or "none"}
        telemetry.add("metering.store.request_units", answer.request_units, labels)
        if answer.status == _THROTTLED:
            telemetry.add("metering.store.throttled", 1, labels)

    return charge


def read_answer(answer: Any) -> Answer:
    """Return the answer in an azure-core PipelineResponse."""
    response = answer.http_response
    found = _CONTAINER.search(answer.http_request.url)
    headers = response.headers
    return Answer(
        response.status_code,
        found[1] if found else "",
        float(headers.get("x-ms-request-charge") or 0),
        headers.get("date", ""),
    )
