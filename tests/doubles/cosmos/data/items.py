"""Operations on one item, alone or in a transactional batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.container import Transaction
from tests.doubles.cosmos.data.documents import Item, user_fields
from tests.doubles.cosmos.data.patch import patched
from tests.doubles.cosmos.errors import (
    PARTITION_KEY_MISMATCH,
    bad_request,
    conflict,
    item_not_found,
    precondition_failed,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: `kind` in lower case, the id unless the body has it, conditions."""

    kind: str
    id: str = ""
    body: Any = None
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a successful operation; `charge` is in hundredths of an RU."""

    status: int
    item: Item | None
    charge: int


def carry_out(changes: Transaction, operation: Operation) -> Outcome:
    """Carry an operation out within a transaction, or refuse it."""
    step = _STEPS.get(operation.kind)
    if step is None:
        raise bad_request(f"The operation type {operation.kind!r} is unknown.")
    return step(changes, operation)


def _create(changes: Transaction, operation: Operation) -> Outcome:
    fields = _fields(changes, operation)
    before = changes.find(fields["id"])
    if before is not None:
        raise conflict(charge=charges.read_charge(before.size))
    item = changes.put(fields)
    return Outcome(201, item, charges.insert_charge(item.size))


def _upsert(changes: Transaction, operation: Operation) -> Outcome:
    fields = _fields(changes, operation)
    before = changes.find(fields["id"])
    if before is None:
        item = changes.put(fields)
        return Outcome(201, item, charges.insert_charge(item.size))
    _check_conditions(before, operation)
    item = changes.put(fields)
    return Outcome(200, item, charges.replace_charge(item.size))


def _replace(changes: Transaction, operation: Operation) -> Outcome:
    fields = _fields(changes, operation)
    if fields["id"] != operation.id:
        raise bad_request(f"The id {fields['id']!r} of the item differs from the id to replace.")
    _check_conditions(_existing(changes, operation), operation)
    item = changes.put(fields)
    return Outcome(200, item, charges.replace_charge(item.size))


def _read(changes: Transaction, operation: Operation) -> Outcome:
    item = _existing(changes, operation)
    charge = charges.read_charge(item.size)
    if operation.if_none_match in {item.etag, "*"}:
        return Outcome(304, item, charges.MISS)
    return Outcome(200, item, charge)


def _delete(changes: Transaction, operation: Operation) -> Outcome:
    before = _existing(changes, operation)
    _check_conditions(before, operation)
    changes.remove(before.id)
    return Outcome(204, None, charges.insert_charge(before.size))


def _patch(changes: Transaction, operation: Operation) -> Outcome:
    before = _existing(changes, operation)
    _check_conditions(before, operation)
    fields = patched(before, operation.body, changes.container.key.field)
    item = changes.put(user_fields(fields))
    return Outcome(200, item, charges.replace_charge(item.size))


_STEPS: dict[str, Callable[[Transaction, Operation], Outcome]] = {
    "create": _create,
    "upsert": _upsert,
    "replace": _replace,
    "read": _read,
    "delete": _delete,
    "patch": _patch,
}


def _fields(changes: Transaction, operation: Operation) -> dict[str, Any]:
    fields = user_fields(operation.body)
    if changes.container.key.of(fields) != changes.key:
        raise bad_request(
            "PartitionKey extracted from document doesn't match the one specified in the header.",
            substatus=PARTITION_KEY_MISMATCH,
        )
    return fields


def _existing(changes: Transaction, operation: Operation) -> Item:
    item = changes.find(operation.id)
    if item is None:
        raise item_not_found(charge=charges.MISS)
    return item


def _check_conditions(before: Item, operation: Operation) -> None:
    matched = operation.if_match in {None, "*", before.etag}
    excluded = operation.if_none_match in {"*", before.etag}
    if not matched or excluded:
        raise precondition_failed(charge=charges.read_charge(before.size))
