"""Log records that were not sent yet, in the hub's file: they outlive the process."""

import json
import os
from collections.abc import Iterable
from contextlib import suppress

from metering.local.gateway.refusals import Json
from metering.local.hubs.file import HubFile


class KeptLogs:
    """The records of each request, as far as they are known, until they are sent."""

    def __init__(self, file: HubFile) -> None:
        self._file = file

    def keep(self, request_id: str, records: list[Json]) -> None:
        """Keep the records of a request in place of those kept before."""
        with self._file.writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO gateway_logs (request, owner, records) VALUES (?, ?, ?)",
                (request_id, os.getpid(), json.dumps(records)),
            )

    def drop(self, request_ids: Iterable[str]) -> None:
        """Drop the records of requests that were sent."""
        with self._file.writing() as db:
            db.executemany(
                "DELETE FROM gateway_logs WHERE request = ?", [(one,) for one in request_ids]
            )

    def left(self) -> list[tuple[str, list[Json]]]:
        """Return what processes left that have ended; call it before any request.

        The number of this process counts as one of them: a container gives the same one again.
        """
        rows = self._file.rows("SELECT request, owner, records FROM gateway_logs ORDER BY rowid")
        return [
            (request, json.loads(records))
            for request, owner, records in rows
            if owner == os.getpid() or not _is_alive(owner)
        ]


def _is_alive(process: int) -> bool:
    with suppress(ProcessLookupError):
        try:
            os.kill(process, 0)
        except PermissionError:
            return True
        return True
    return False
