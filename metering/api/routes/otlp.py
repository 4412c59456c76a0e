"""Telemetry from exporters, by OpenTelemetry's protocol over HTTP.

Metrics of a gateway that counts itself become usage. Spans and logs carry none, and are answered so
that an exporter which sends all three has no errors.
"""

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import Path, Request, Response

from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_exporters
from metering.core.aggregates.vocabulary import Reading, read_samples
from metering.core.basics.instants import Instant
from metering.core.tenancy.exporters import Named

if TYPE_CHECKING:
    from metering.adapters.otlp.bodies import Encoding

router = for_exporters("telemetry")

_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/x-protobuf": {"schema": {"type": "string", "format": "binary"}},
        "application/json": {"schema": {"type": "object"}},
    },
}


_MESSAGE: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"message": {"type": "string"}},
}
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Taken; `partialSuccess` says what was refused.",
        "content": {**_BODY["content"]},
    },
    "default": {
        "description": "A `google.rpc.Status` with a message.",
        "content": {**_BODY["content"], "application/json": {"schema": _MESSAGE}},
    },
}


@router.post(
    "/v1/{signal}",
    openapi_extra={"requestBody": _BODY},
    responses=_RESPONSES,
    response_class=Response,
)
async def take_export(
    app: TheApp,
    request: Request,
    signal: Annotated[
        Literal["metrics", "traces", "logs"], Path(description="The kind of the export.")
    ],
) -> Response:
    """Take an export in protobuf or JSON, plain or packed by gzip. Safe to repeat."""
    # Its messages are built when they are imported, which takes a while.
    from metering.adapters.otlp.bodies import (  # noqa: PLC0415
        NotReadable,
        Refused,
        Signal,
        answer,
        encoding_of,
    )

    exporter: Named = request.state.exporter
    try:
        encoding = encoding_of(request.headers.get("content-type"))
        packing = request.headers.get("content-encoding")
        content = await request.body()
        # Sixteen megabytes take seconds, in which nobody else would be answered.
        reading = await app.executor.run(
            partial(_read, signal, content, packing, encoding, exporter, app.clock.now())
        )
    except NotReadable as why:
        raise Problem(why.status, why.reason) from None
    taken = await app.take_points.take(reading.points)
    number = len(reading.refused) + taken.refused
    reason = "; ".join(dict.fromkeys([*reading.refused[:3], *taken.reasons]))
    body = answer(Signal(signal), encoding, Refused(number, reason))
    return Response(body, media_type=encoding.value)


def _read(
    signal: str,
    content: bytes,
    packing: str | None,
    encoding: "Encoding",
    exporter: Named,
    now: Instant,
) -> Reading:
    """Return the points of an export: only metrics have any, and only of one that aggregates."""
    from metering.adapters.otlp.bodies import Signal, read_export, unpacked  # noqa: PLC0415
    from metering.adapters.otlp.samples import samples_of  # noqa: PLC0415

    kind = Signal(signal)
    export = read_export(kind, unpacked(content, packing), encoding)
    if kind is not Signal.METRICS or exporter.exporter.reports != "aggregates":
        return Reading([], [])
    return read_samples(exporter.name, samples_of(export), now)
