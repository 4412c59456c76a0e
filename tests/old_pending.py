"""Partial records as versions before the register stored them."""

import base64
from typing import Any

from metering.adapters.cosmos.containers import PENDING
from metering.adapters.cosmos.pending import CosmosPending
from metering.adapters.sqlite.pending import SqlitePending
from metering.bootstrap import Stores
from metering.ports import PendingKind


async def put_old(
    stores: Stores, kind: PendingKind, name: str, body: bytes, since: int, *, settled: bool = False
) -> None:
    """Store one partial record."""
    pending: Any = stores.pending
    if isinstance(pending, SqlitePending):
        await _put_in_sqlite(pending, kind, (name, body, since, settled))
        return
    assert isinstance(pending, CosmosPending)
    document = {"id": kind, "request_id": name, "body": base64.b64encode(body).decode()}
    if kind in {"identity", "recovery"}:
        document["since"] = since  # type: ignore[assignment]
    if settled:
        document["settled"] = True  # type: ignore[assignment]
    await pending._account.create_all(PENDING, [document])  # noqa: SLF001


async def _put_in_sqlite(
    pending: SqlitePending, kind: PendingKind, row: tuple[str, bytes, int, bool]
) -> None:
    database = pending._database  # noqa: SLF001
    if kind == "identity":
        await database.change(
            "INSERT INTO pending (request_id, identity, since, resolved) VALUES (?, ?, ?, ?)", *row
        )
        return
    await database.change(
        "INSERT INTO pending_logs (kind, request_id, body, since) VALUES (?, ?, ?, ?)",
        *(kind, *row[:3]),
    )
