"""Rows of gateway logs: the counts of a request (GatewayLlmLogs), and the request (GatewayLogs)."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant, format_instant
from metering.core.streams.log_fields import Fields
from metering.core.usage.usage import CACHE_HIT, is_billable

_DATED: Final = re.compile(r"(claude.*)-[0-9]{8}")
_STATUSES: Final = range(100, 600)
#: The status that policies report for a client that disconnected before the answer.
CLIENT_GONE: Final = 499


class LlmRow(NamedTuple):
    """The counts of one request in the log. At least one is above zero."""

    request_id: str
    model: str | None
    deployment: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    time: Instant | None
    sequence: int | None

    @property
    def counts(self) -> tuple[int | None, ...]:
        """The four counts, in which two rows of a request must agree."""
        return self[3:7]

    def body(self) -> bytes:
        """Return the row as the body of a log with this one record."""
        said = {
            "correlationId": self.request_id,
            "modelName": self.model,
            "deploymentName": self.deployment,
            "promptTokens": self.prompt_tokens,
            "completionTokens": self.completion_tokens,
            "totalTokens": self.total_tokens,
            "promptCachedTokens": self.cached_tokens,
            "sequenceNumber": self.sequence,
        }
        return _body("GatewayLlmLogs", self.time, said)


class GatewayRow(NamedTuple):
    """The sender and the response of a request, as the gateway logged them."""

    request_id: str
    subscription: str | None
    product: str | None
    api: str | None
    operation: str | None
    region: str | None
    backend: str | None
    service: str
    """The name of the gateway, in lower case."""
    status: int
    time: Instant
    is_from_cache: bool = False
    """Whether a cache of responses answered, and no backend."""

    def body(self) -> bytes:
        """Return the row as the body of a log with this one record."""
        said = {
            "correlationId": self.request_id,
            "apimSubscriptionId": self.subscription,
            "productId": self.product,
            "apiId": self.api,
            "operationId": self.operation,
            "region": self.region,
            "backendId": self.backend,
            "resourceId": f"/service/{self.service}",
            "responseCode": self.status,
            "cache": CACHE_HIT if self.is_from_cache else None,
        }
        return _body("GatewayLogs", self.time, said)


def _body(category: str, time: Instant | None, said: Mapping[str, object]) -> bytes:
    properties = {name: value for name, value in said.items() if value is not None}
    record: dict[str, object] = {"category": category, "properties": properties}
    if time is not None:
        record["time"] = format_instant(time)
    return to_json({"records": [record]})


def read_llm_row(fields: Fields) -> LlmRow | None:
    """Return the counts in a record; None without counts.

    Message chunks, probes and requests that failed count zero. So does, on gateway tiers that
    cannot read an API's shape, a request that used tokens: zero is never taken for a count.
    """
    counts = (
        fields.whole("prompttokens"),
        fields.whole("completiontokens"),
        fields.whole("totaltokens"),
        fields.whole("promptcachedtokens"),
    )
    if not any(counts):
        return None
    model = fields.name("modelname")
    dated = _DATED.fullmatch(model or "")
    return LlmRow(
        fields.request_id(),
        dated[1] if dated else model,
        fields.name("deploymentname"),
        *counts,
        fields.time(),
        fields.whole("sequencenumber"),
    )


def read_gateway_row(fields: Fields) -> GatewayRow | None:
    """Return the request in a record; None for one that cannot have been charged."""
    status = _status(fields)
    if status is None or status not in _STATUSES:
        raise RejectedEvent(Code.INVALID_FIELD, "responseCode: is not an HTTP status")
    if not is_billable(status, counted=True):
        return None
    time = fields.time()
    service = _service(fields)
    if time is None or service is None:
        name = "resourceId" if service is None else "time"
        raise RejectedEvent(Code.MISSING_FIELD, f"{name}: is not there")
    region = fields.name("region", "location")
    return GatewayRow(
        fields.request_id(),
        fields.name("apimsubscriptionid"),
        fields.name("productid"),
        fields.name("apiid"),
        fields.name("operationid"),
        # "Sweden Central" in logs is "swedencentral" everywhere else.
        region and region.lower().replace(" ", ""),
        fields.name("backendid"),
        service,
        status,
        time,
        _is_from_cache(fields),
    )


def _status(fields: Fields) -> int | None:
    """Return the status of a request. 0: its client was gone before there was one, as policies say.

    A gateway that lacks it may have the backend's.
    """
    status, of_backend = fields.whole("responsecode"), fields.whole("backendresponsecode")
    if status == 0:
        return of_backend or CLIENT_GONE
    return status or of_backend


def _is_from_cache(fields: Fields) -> bool:
    """Return whether a cache of responses answered and nothing shows that a backend was called.

    `hit` alone is not enough: a policy may have found only a value in a cache, as ours does.
    """
    if (fields.text("cache") or "").lower() != CACHE_HIT or fields.text("backendid") is not None:
        return False
    return not (fields.whole("backendresponsecode") or fields.whole("backendtime"))


def _service(fields: Fields) -> str | None:
    """Return the gateway's name: what follows `/service/` in the resource id, or its end."""
    resource = fields.text("resourceid", "_resourceid")
    if resource is None:
        return None
    parts = [part for part in resource.lower().split("/") if part]
    if "service" in parts[:-1]:
        return parts[parts.index("service") + 1]
    return parts[-1] if parts else None


def merge_rows(rows: Iterable[LlmRow]) -> dict[str, LlmRow]:
    """Return one row for each request; its rows are repeats and parts, never summed.

    Those with a model or deployment come first, sequence 0 (or none) before others; of what is
    left the largest of each field. The answer does not depend on the order.
    """
    by_request: defaultdict[str, list[LlmRow]] = defaultdict(list)
    for row in rows:
        by_request[row.request_id].append(row)
    return {request_id: _merged(found) for request_id, found in by_request.items()}


def _merged(rows: list[LlmRow]) -> LlmRow:
    best = max(map(_grade, rows))
    rows = [row for row in rows if _grade(row) == best]
    fields = zip(*(row[1:] for row in rows), strict=True)
    largest = (
        max((value for value in field if value is not None), default=None) for field in fields
    )
    return LlmRow(rows[0].request_id, *largest)


def _grade(row: LlmRow) -> tuple[bool, bool]:
    named = row.model is not None or row.deployment is not None
    return named, named and not row.sequence
