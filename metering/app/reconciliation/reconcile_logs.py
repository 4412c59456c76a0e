"""Compare the gateway's own logs with what the ledgers have."""

from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import batched
from typing import Final, NamedTuple

from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.reconciliation.log_comparison import Absent, LogComparison, LogReport
from metering.core.streams.gateway_log import read_log
from metering.core.streams.joining import RECOVERY_DELAY
from metering.core.streams.log_rows import LlmRow
from metering.ports import Clock, LedgerStore, PendingStore

#: Ids that are looked up at a time.
_LOOKED_UP: Final = 500


class Span(NamedTuple):
    """Times `[start, end)` whose requests are compared; both are midnights in UTC."""

    start: Instant
    end: Instant


class ReconcileLogs:
    """The use case behind `metering reconcile --gateway-logs`."""

    def __init__(
        self, *, ledgers: LedgerStore, pending: PendingStore, tenancy: Tenancy, clock: Clock
    ) -> None:
        self._ledgers = ledgers
        self._pending = pending
        self._tenancy = tenancy
        self._clock = clock

    async def compare(
        self,
        source: str,
        bodies: Iterable[bytes],
        *,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> LogReport:
        """Return the requests of logs beside those of the ledgers, by day and deployment.

        Without `start` and `end` the days are those of the logs. ConfigurationError where there
        are no counts in the logs, or those of too many requests; a record that cannot be used is
        counted as refused.
        """
        await self._tenancy.refresh()
        comparison, refused = LogComparison(), 0
        for body in bodies:
            log = read_log(body)
            refused += len(log.refused)
            comparison.add_rows(
                row
                for row in log.llm_rows
                if row.time is None or (start or 0) <= row.time < (end or row.time + 1)
            )
        found = comparison.span()
        if found is None:
            raise ConfigurationError(f"{source}: has no counts of a request on these days")
        first, last = found
        await self._read_ledgers(
            comparison,
            Span(
                first // DAY * DAY if start is None else start,
                (last // DAY + 1) * DAY if end is None else end,
            ),
        )
        reasons = [pair async for pair in self._reasons(comparison)]
        report = comparison.report(reasons)
        return report._replace(refused=report.refused + refused)

    async def _read_ledgers(self, comparison: LogComparison, span: Span) -> None:
        for ledger in await self._ledgers.ledgers():
            period = self._tenancy.directory.period_of(ledger)
            if period.start < span.end and span.start < period.end:
                async for page in pages(self._ledgers, ledger):
                    comparison.add_page(page, span.start, span.end)

    async def _reasons(self, comparison: LogComparison) -> AsyncIterator[tuple[LlmRow, Absent]]:
        for rows in batched(comparison.absent(), _LOOKED_UP, strict=False):
            for pair in await self._why(comparison, rows):
                yield pair

    async def _why(
        self, comparison: LogComparison, rows: Sequence[LlmRow]
    ) -> list[tuple[LlmRow, Absent]]:
        ids = [row.request_id for row in rows]
        waiting = (await self._pending.read_halves("identity", ids)).keys()
        recovering = (await self._pending.read_halves("recovery", ids)).keys()
        unclaimed = (await self._pending.read_halves("tokens", ids)).keys()
        young = self._clock.now() - RECOVERY_DELAY

        def why(row: LlmRow) -> Absent:
            if comparison.is_missing(row.request_id):
                return Absent.MISSING
            if comparison.is_held(row.request_id) or row.request_id in waiting:
                return Absent.PENDING
            if row.request_id in recovering or (row.time is not None and row.time > young):
                return Absent.LATE
            return Absent.UNCLAIMED if row.request_id in unclaimed else Absent.UNKNOWN

        return [(row, why(row)) for row in rows]
