"""Requests about items by id: single operations and batches."""

from typing import Any

from tests.doubles.cosmos.batch import check_bytes, run_batch
from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.data.documents import Item
from tests.doubles.cosmos.data.items import Operation, Outcome, carry_out
from tests.doubles.cosmos.errors import bad_request, item_not_found
from tests.doubles.cosmos.exchange import Answer, Kind, Request


def key_of(container: Container, request: Request) -> str:
    """Return the text of the partition key in a request, or refuse it."""
    header = request.headers.get("x-ms-documentdb-partitionkey")
    if header is None:
        raise bad_request("PartitionKey value must be supplied for this operation.")
    return container.key.of_header(header)


def run_item(container: Container, request: Request, kind: Kind, id_: str, body: Any) -> Answer:
    """Carry out one operation on one item."""
    operation = Operation(
        kind=kind,
        id=id_,
        body=body,
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
    )
    changes = container.begin(key_of(container, request))
    outcome = carry_out(changes, operation)
    changes.commit()
    return _answer(outcome, minimal=kind != "read" and _wants_little(request))


def run_stale_read(container: Container, request: Request, id_: str) -> Answer:
    """Answer a point read with the item before its last change."""
    key = key_of(container, request)
    item = container.previous.get((key, id_), container.find(key, id_))
    if item is None:
        raise item_not_found(charge=charges.MISS)
    return _answer(Outcome(200, item, charges.read_charge(item.size)), minimal=False)


def run_batch_request(container: Container, request: Request, body: Any) -> Answer:
    """Carry out a transactional batch."""
    check_bytes(request.body)
    key = key_of(container, request)
    return run_batch(container, key, body, minimal=_wants_little(request))


def _wants_little(request: Request) -> bool:
    return request.headers.get("prefer", "").lower() == "return=minimal"


def _answer(outcome: Outcome, *, minimal: bool) -> Answer:
    item: Item | None = outcome.item
    if item is None:
        return Answer(outcome.status, None, outcome.charge)
    body = None if minimal or outcome.status == 304 else item.document
    headers = {"etag": item.etag, "x-ms-item-lsn": str(item.lsn)}
    return Answer(outcome.status, body, outcome.charge, headers)
