"""Compare the gateway's logs with the ledgers."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final, NamedTuple

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages
from metering.app.streams.register import REPORTED, Register
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import slot_of
from metering.core.reconciliation.log_comparison import Absent, LogComparison, LogReport
from metering.core.streams.filing import KINDS
from metering.core.streams.gateway_log import read_log
from metering.core.streams.id_index import digest_of
from metering.core.streams.lifetimes import RECOVERY_DELAY
from metering.core.streams.log_rows import LlmRow
from metering.core.streams.sheets import sender_digest
from metering.ports import Clock, LedgerStore

#: Ids looked up at a time.
_LOOKED_UP: Final = 500


class Span(NamedTuple):
    """The times `[start, end)` of the requests to compare; both are midnights in UTC."""

    start: Instant
    end: Instant


@dataclass(slots=True, kw_only=True)
class ReconcileLogs:
    """The use case behind `metering reconcile --gateway-logs`."""

    ledgers: LedgerStore
    register: Register
    tenancy: Tenancy
    clock: Clock

    async def compare(
        self,
        source: str,
        bodies: Iterable[bytes],
        one_by_one: OneByOne,
        *,
        start: Instant | None = None,
        end: Instant | None = None,
    ) -> LogReport:
        """Return the requests in logs beside those in the ledgers, by day and deployment.

        Without `start` and `end` the days of the logs are compared. Unusable records are counted as
        refused. `one_by_one` names the ledgers that cannot be read, whose requests are missing on
        our side. Raises if none of them can, and ConfigurationError if the logs have no counts, or
        too many requests.
        """
        await self.tenancy.refresh()
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
            raise ConfigurationError(f"{source}: no request with counts on these days")
        first, last = found
        span = Span(
            first // DAY * DAY if start is None else start,
            (last // DAY + 1) * DAY if end is None else end,
        )
        await self._read_ledgers(comparison, span, one_by_one)
        reasons = [pair async for pair in self._reasons(comparison)]
        report = comparison.report(reasons)
        return report._replace(refused=report.refused + refused)

    async def _read_ledgers(
        self, comparison: LogComparison, span: Span, one_by_one: OneByOne
    ) -> None:
        for ledger in await self.ledgers.ledgers():
            period = self.tenancy.directory.period_of(ledger)
            if period.start < span.end and span.start < period.end:
                with one_by_one.about(ledger):
                    of = comparison.ledger()
                    async for page in pages(self.ledgers, ledger):
                        of.add_page(page, span.start, span.end)
                    comparison.add(of)
        one_by_one.must_have_some()

    async def _reasons(self, comparison: LogComparison) -> AsyncIterator[tuple[LlmRow, Absent]]:
        for rows in batched(comparison.absent(), _LOOKED_UP, strict=False):
            for pair in await self._why(comparison, rows):
                yield pair

    async def _why(
        self, comparison: LogComparison, rows: Sequence[LlmRow]
    ) -> list[tuple[LlmRow, Absent]]:
        now = self.clock.now()
        wanted = {digest_of(row.request_id): slot_of(row.time or now) for row in rows}
        senders = {sender_digest(row.request_id): slot_of(row.time or now) for row in rows}
        found = await self.register.look(KINDS, wanted | senders, REPORTED)
        young = now - RECOVERY_DELAY

        def why(row: LlmRow) -> Absent:
            if comparison.is_missing(row.request_id):
                return Absent.MISSING
            digest = digest_of(row.request_id)
            if comparison.is_held(row.request_id) or ("stream", digest) in found:
                return Absent.PENDING
            is_young = row.time is not None and row.time > young
            if is_young or ("waiting", sender_digest(row.request_id)) in found:
                return Absent.LATE
            return Absent.UNCLAIMED if ("waiting", digest) in found else Absent.UNKNOWN

        return [(row, why(row)) for row in rows]
