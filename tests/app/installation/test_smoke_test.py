"""The smoke test over a store: each leg that can fail, and a period that ends meanwhile."""

from collections.abc import Callable
from typing import Any

from metering.app.hubs.hub_lag import HubLags
from metering.app.ingest.ingest import Message
from metering.app.installation.smoke_test import SmokeTest, Waits
from metering.core.basics.instants import format_instant
from metering.core.installation.smoke import Answered
from tests.builders import body
from tests.systems import KnownProgress

type System = Any

SOON = Waits(0.02, 0.02, 0.01)


class Caller:
    """A gateway that does what a test says, and answers."""

    def __init__(self, system: System, status: int = 200) -> None:
        self.system = system
        self.status = status
        self.streams_are_counted = False
        self.subject = "acme"
        self.use_case: str | None = None
        self.before: Callable[[], None] = lambda: None

    async def call(self, mark: str, *, streamed: bool) -> Answered:
        self.before()
        if self.status == 200:
            made: dict[str, Any] = {
                "id": mark,
                "subject": self.subject,
                "data__use_case": self.use_case or mark,
            }
            made["time"] = format_instant(self.system.clock.now())
            if streamed and not self.streams_are_counted:
                made |= {"data__tokens": "pending", "data__usage": None}
            await self.system.ingest.batch([Message(body(**made), "0", 0)])
        return Answered(self.status)


def smoke(system: System, caller: Caller) -> SmokeTest:
    return SmokeTest(
        ledgers=system.store,
        dead_letters=system.dead_letters,
        tenancy=system.tenancy,
        hub_lags=HubLags(progress=KnownProgress, clock=system.clock),
        caller=caller,
        clock=system.clock,
    )


async def states(test: SmokeTest, waits: Waits = SOON) -> list[str]:
    return [one.state async for one in test.run("acme", "n", waits)]


async def test_both_are_counted(system: System) -> None:
    caller = Caller(system)
    caller.streams_are_counted = True
    assert await states(smoke(system, caller)) == ["ok"] * 5


async def test_a_stream_whose_counts_do_not_come_is_a_warning(system: System) -> None:
    test = smoke(system, Caller(system))
    assert await states(test) == ["ok", "ok", "ok", "ok", "warn"]


async def test_where_no_log_is_read_the_report_suffices(system: System) -> None:
    test = smoke(system, Caller(system))
    assert await states(test, SOON._replace(log_s=0)) == ["ok"] * 4


async def test_a_refusal_ends_its_request_alone(system: System) -> None:
    assert await states(smoke(system, Caller(system, 401))) == ["fail", "fail"]


async def test_an_event_that_is_set_aside_is_traced(system: System) -> None:
    caller = Caller(system)
    caller.subject = "x" * 300
    found = [one async for one in smoke(system, caller).run("acme", "n", SOON)]
    assert [one.state for one in found] == ["ok", "fail", "ok", "fail"]
    assert "set aside" in found[1].detail


async def test_a_period_may_end_while_it_waits(system: System) -> None:
    caller = Caller(system)
    caller.streams_are_counted = True
    end = system.tenancy.directory.period_at("acme", system.clock.now()).end
    system.clock.set(end - 1)
    caller.before = lambda: system.clock.set(end)
    assert await states(smoke(system, caller)) == ["ok"] * 5


async def test_other_requests_are_not_taken_for_ours(system: System) -> None:
    caller = Caller(system)
    caller.use_case = "another"
    assert await states(smoke(system, caller)) == ["ok", "fail", "ok", "fail"]
