"""The demo: real requests through the whole system, checked against an independent sum."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import batched
from pathlib import Path
from typing import Final, NamedTuple

from metering import bootstrap
from metering.app.hubs.batch import LOGS_HUB
from metering.app.reports.verify import Verdict
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant, parse_instant
from metering.core.basics.money import to_decimal
from metering.core.billing.balance import Balance
from metering.core.calendars.periods import LedgerId
from metering.core.usage.buckets import INPUT_BUCKETS
from metering.local.demo import story
from metering.local.demo.independent_sum import TenantSum, sum_by_tenant
from metering.local.demo.story import Story
from metering.local.demo.trace import TraceRow, read_trace
from metering.local.demo.traffic import Request, assign, body, disorder
from metering.local.functions.worker import InvocationFailed
from metering.local.system import LocalSystem, app_dir, local_system
from metering.settings.settings import Settings

#: The trace's 16 November 2023 becomes this day, after the start of every price in the price book.
DEMO_DAY: Final = parse_instant("2026-10-16T00:00:00Z")
_TRACE_DAY: Final = parse_instant("2023-11-16T00:00:00Z")
#: The demo's clock stands still here, so that it gives the same result in any year.
DEMO_NOW: Final = parse_instant("2026-10-16T23:00:00Z")

_SENT_TOGETHER: Final = 200
_LONGEST_S: Final = 300.0
_POLL_S: Final = 0.05

type Progress = Callable[[int, int], None]
"""Called with the number of events counted so far, and the total."""


class TenantResult(NamedTuple):
    """A tenant after the demo: its balance, the expected totals, and the proof of its ledger."""

    tenant: str
    balance: Balance
    expected: TenantSum
    verdict: Verdict

    @property
    def differences(self) -> list[str]:
        """Differences between the ledger and the independent sum."""
        total, tokens = self.balance.total, self.balance.tokens
        prompt = sum(tokens[INPUT_BUCKETS])
        pairs = [
            ("requests", total.requests, self.expected.requests),
            ("prompt tokens", prompt, self.expected.prompt_tokens),
            ("output tokens", sum(tokens) - prompt, self.expected.output_tokens),
            ("unpriced requests", total.unpriced, self.expected.unpriced),
            ("amount", to_decimal(self.balance.amount), self.expected.amount),
        ]
        return [f"{what}: {found}, not {right}" for what, found, right in pairs if found != right]

    @property
    def holds(self) -> bool:
        """True without differences and faults."""
        return not self.differences and not self.verdict.faults


def demo_app(settings: Settings) -> bootstrap.App:
    """Return an app with the demo's tenants and fixed clock, over the configured store."""
    return bootstrap.App(
        settings._replace(tenants_file=tenants_file(), automatic_tenants=False, fixed_now=DEMO_NOW)
    )


def tenants_file() -> Path:
    """Return the file of the demo's tenants."""
    return app_dir() / "metering" / "local" / "demo" / "sample" / "tenants.json"


class Demo(NamedTuple):
    """The requests that the demo sent, and their results."""

    requests: int
    repeated: int
    results: list[TenantResult]
    story: Story


async def run_demo(settings: Settings, trace: Path | None, progress: Progress) -> Demo:
    """Send the trace and the story through the local system and return what came of them.

    Raises RetryableError when the events are not counted in five minutes. Safe to repeat, and after
    a kill at any moment: every event has the same id in every run.
    """
    requests = [assign(row) for row in read_trace(trace)]
    failures: list[str] = []

    def note(function: str, error: InvocationFailed) -> None:
        failures.append(f"{function}: {error.message}")

    async with local_system(demo_app(settings), "demo", note) as system:
        await story.publish_wrong_price(system.app)
        try:
            async with asyncio.timeout(_LONGEST_S):
                await _send_and_drain(system, requests, progress)
        except TimeoutError:
            last = f": {failures[-1]}" if failures else ""
            raise RetryableError(f"the demo did not end in {_LONGEST_S:.0f} s{last}") from None
        came = await story.finish(system.app)
        results = await _results(system.app, requests)
        repeated = sum(request.repeated for request in requests)
        return Demo(len(requests), repeated, results, came)


async def _send_and_drain(
    system: LocalSystem, requests: Sequence[Request], progress: Progress
) -> None:
    hub = system.hub
    total = sent = 0
    outgoing = [(body(r, demo_time(r.row), "demo"), r.subscription) for r in disorder(requests)]
    outgoing += story.events()
    total = len(outgoing)
    hub.send(LOGS_HUB, [(story.log_rows(), None)])
    for together in batched(outgoing, _SENT_TOGETHER, strict=False):
        hub.send("usage", together)
        sent += len(together)
        progress(max(0, sent - hub.backlog("usage", "metering")), total)
        await asyncio.sleep(0)
    draining = asyncio.create_task(system.host.drain())
    while not draining.done():
        progress(max(0, total - hub.backlog("usage", "metering")), total)
        await asyncio.wait([draining], timeout=_POLL_S)
    await draining
    progress(total, total)
    hub.prune(0)


def demo_time(row: TraceRow) -> Instant:
    """Return a row's time on the demo's day."""
    return row.time - _TRACE_DAY + DEMO_DAY


async def _results(app: bootstrap.App, requests: Sequence[Request]) -> list[TenantResult]:
    results = []
    sums = sum_by_tenant(requests) | {story.TENANT: story.EXPECTED}
    for tenant, expected in sorted(sums.items()):
        period = await app.read.present_period(tenant)
        balance = await app.read.balance(tenant, period)
        verdict = await app.verify.one(LedgerId(tenant, period.start))
        results.append(TenantResult(tenant, balance, expected, verdict))
    return results
