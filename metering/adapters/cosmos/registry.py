"""Tenants and plans in Cosmos DB: one sequence of records in one partition."""

from typing import Final

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import REGISTRY
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.tenancy.directory import Record

_PARTITION: Final = "records"


class CosmosRegistry:
    """Implements RegistryStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`: a point read where there are none."""
        async with self._account.container(REGISTRY) as container:
            try:
                await container.read_item(_name(after + 1), partition_key=_PARTITION)
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return []
                raise
            found = container.query_items(
                "SELECT * FROM c WHERE c.number > @after ORDER BY c.number",
                parameters=[{"name": "@after", "value": after}],
                partition_key=_PARTITION,
            )
            documents = [document async for document in found]
        # A query may lag behind a commit, never leave a hole before what it has: stop at one.
        numbered = enumerate(documents, after + 1)
        return [
            Record(*(document[name] for name in Record._fields))
            for number, document in numbered
            if document["number"] == number
        ]

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1: its id is taken if somebody was first."""
        number = expected + 1
        document = {
            "id": _name(number),
            "registry": _PARTITION,
            "number": number,
            **record._asdict(),
        }
        async with self._account.container(REGISTRY) as container:
            try:
                await container.create_item(document)
            except ResourceExistsError:
                return False
        return True


def _name(number: int) -> str:
    return f"record-{number:08d}"
