"""Transactional batches: all operations or none, on one partition key."""

from typing import Any

from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.data.documents import MAX_ITEM_BYTES
from tests.doubles.cosmos.data.items import Operation, Outcome, carry_out
from tests.doubles.cosmos.errors import Refusal, bad_request, too_large
from tests.doubles.cosmos.exchange import Answer

MAX_OPERATIONS = 100
MAX_BYTES = MAX_ITEM_BYTES


def run_batch(container: Container, key: str, body: Any, *, minimal: bool) -> Answer:
    """Carry out a batch of a checked size; a failure changes nothing."""
    operations = [_operation(one) for one in check_batch(body)]
    changes = container.begin(key)
    done: list[Outcome] = []
    for operation in operations:
        try:
            done.append(carry_out(changes, operation))
        except Refusal as refusal:
            return _failed(operations, done, refusal)
    changes.commit()
    read_only = all(operation.kind == "read" for operation in operations)
    mixed = read_only and any(outcome.status != 200 for outcome in done)
    return Answer(
        status=207 if mixed else 200,
        body=[_result(outcome, minimal=minimal) for outcome in done],
        charge=sum(outcome.charge for outcome in done),
    )


def check_batch(body: Any) -> list[Any]:
    """Return the operations of a batch, or refuse it as a whole."""
    if not isinstance(body, list) or not body:
        raise bad_request("Batch request has no operations.")
    if len(body) > MAX_OPERATIONS:
        raise bad_request("Batch request has more operations than what is supported.")
    return body


def check_bytes(body: bytes) -> None:
    """Refuse a batch over the limit of bytes."""
    if len(body) > MAX_BYTES:
        raise too_large()


def _operation(one: Any) -> Operation:
    if not isinstance(one, dict):
        raise bad_request("An operation of a batch is a JSON object.")
    return Operation(
        kind=str(one.get("operationType", "")).lower(),
        id=one.get("id", ""),
        body=one.get("resourceBody"),
        if_match=one.get("ifMatch"),
        if_none_match=one.get("ifNoneMatch"),
    )


def _result(outcome: Outcome, *, minimal: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"statusCode": outcome.status, "requestCharge": outcome.charge / 100}
    if outcome.item is not None:
        result["eTag"] = outcome.item.etag
        if outcome.status != 304 and not minimal:
            result["resourceBody"] = outcome.item.document
    return result


def _failed(operations: list[Operation], done: list[Outcome], refusal: Refusal) -> Answer:
    """Return the answer of a failed batch: its own status for one operation, 424 for the others.

    The charge includes the operations before the failure.
    """
    results: list[dict[str, Any]] = [{"statusCode": 424, "requestCharge": 0} for _ in operations]
    results[len(done)] = {
        "statusCode": refusal.status,
        "subStatusCode": refusal.substatus,
        "requestCharge": refusal.charge / 100,
        "message": refusal.message,
    }
    charge = sum(outcome.charge for outcome in done) + refusal.charge
    return Answer(status=207, body=results, charge=charge)
