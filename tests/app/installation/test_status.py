"""The status of an installation: what is well, what needs a look, and what is not known."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metering.app.hubs.hub_lag import HubLags
from metering.app.ingest.ingest import Message
from metering.app.installation.glance import Glance
from metering.app.installation.status import Seen, Status
from metering.app.reports.tenant_board import TenantBoard
from metering.core.basics.errors import LedgerBroken, RetryableError
from metering.core.basics.instants import DAY, HOUR, MINUTE
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import month_of
from metering.core.installation.status import QUESTIONS
from tests.builders import AT, NOW, body
from tests.systems import KnownProgress

type System = Any

_WORKBOOK = Path(__file__).parents[3] / "bicep" / "workbook.json"


@pytest.fixture
def progress() -> KnownProgress:
    return KnownProgress()


@pytest.fixture
def status(system: System, progress: KnownProgress) -> Status:
    return Status(
        ledgers=system.store,
        dead_letters=system.dead_letters,
        effects=system.effects,
        closing=system.closing,
        accruals=system.app.accruals,
        tenancy=system.tenancy,
        hub_lags=HubLags(progress=lambda: progress, clock=system.clock),
        clock=system.clock,
    )


async def answers(status: Status) -> dict[str, tuple[str, int | None]]:
    found = await status.run()
    assert tuple(one.question for one in found) == QUESTIONS
    # Whatever is not well says what to do.
    assert all(bool(one.remedy) == (one.answer != "ok") for one in found)
    return {one.question: (one.answer, one.figure) for one in found}


async def test_a_new_installation_is_well_and_nothing_has_run(status: Status) -> None:
    found = await answers(status)
    assert found.pop("Does anything run?") == ("unknown", None)
    assert set(found.values()) == {("ok", 0)}


async def test_each_question_has_its_answer(
    system: System, status: Status, progress: KnownProgress
) -> None:
    sent = [body(id="a"), body(id="b", data__model="gpt-99"), b"nonsense"]
    await system.ingest.batch([Message(one, "0", number) for number, one in enumerate(sent)])
    assert (await answers(status))["Does anything run?"] == ("ok", 0)
    system.clock.set(NOW + 61 * MINUTE)
    progress.until = NOW + 51 * MINUTE
    found = await answers(status)
    assert found["Does anything run?"] == ("unknown", 61)
    assert found["Is anything not read?"] == ("look", 10)
    assert found["Is anything not counted?"] == ("look", 1)
    assert found["Is anything not priced?"] == ("look", 1)
    assert found["Is anything not closed?"] == ("ok", 0)
    # It is over, and nothing keeps it from being closed.
    system.clock.set(month_of(AT).end + 10 * DAY)
    assert (await answers(status))["Is anything not closed?"] == ("look", 1)


async def test_hubs_that_do_not_answer_are_not_known(system: System, status: Status) -> None:
    class Silent(KnownProgress):
        async def counted_until(self) -> int:
            raise RetryableError("no answer")

    asked = replace(status, hub_lags=HubLags(progress=Silent, clock=system.clock))
    assert (await answers(asked))["Is anything not read?"] == ("unknown", None)
    (remedy,) = [one.remedy for one in await asked.run() if one.question == "Is anything not read?"]
    assert remedy == "the hubs cannot be asked: no answer"


async def test_hubs_of_which_nothing_is_known_to_be_read_lead_to_the_runbook(
    system: System, status: Status
) -> None:
    behind = KnownProgress()
    behind.until = BEGINNING
    asked = replace(status, hub_lags=HubLags(progress=lambda: behind, clock=system.clock))
    (answer,) = [one for one in await asked.run() if one.question == "Is anything not read?"]
    assert (answer.answer, answer.figure) == ("unknown", None)
    assert answer.remedy.startswith("no end of the hubs is known to be read")
    assert answer.remedy.endswith("see the runbook: events wait")


async def test_a_ledger_that_cannot_be_read_is_a_fault_and_hides_no_other(
    system: System, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in ("acme", "globex"):
        await system.ingest.batch([Message(body(id=subject, subject=subject), "0", 0)])
    read = system.store.read_head

    async def broken(ledger: Any) -> Any:
        if ledger.tenant == "acme":
            raise LedgerBroken(str(ledger), "its head cannot be read")
        return await read(ledger)

    monkeypatch.setattr(system.store, "read_head", broken)
    found = await answers(status)
    assert found["Does a fault need a person?"] == ("look", 1)
    assert found["Does anything run?"] == ("ok", 0)


async def test_ledgers_of_long_ago_are_final(system: System, status: Status) -> None:
    await system.ingest.batch([Message(body(id="a", data__model="gpt-99"), "0", 0)])
    system.clock.set(NOW + 100 * DAY + HOUR)
    assert (await answers(status))["Is anything not priced?"] == ("ok", 0)


def test_the_workbook_asks_the_same() -> None:
    text = json.dumps(json.loads(_WORKBOOK.read_text(encoding="utf-8")))
    assert [text.count(f"'question', '{question}'") for question in QUESTIONS] == [1] * len(
        QUESTIONS
    )


async def test_a_glance_gives_the_same_answers_and_reads_again_after_a_while(
    system: System, status: Status
) -> None:
    sent = [body(id="a"), body(id="b", data__model="gpt-99"), b"nonsense"]
    await system.ingest.batch([Message(one, "0", number) for number, one in enumerate(sent)])
    system.clock.set(NOW + 61 * MINUTE)
    now_s = 0.0
    board = TenantBoard(
        overview=system.app.overview, tenancy=system.tenancy, clock=system.clock, wait_s=0.01
    )
    glance = Glance(status=status, board=board, elapsed_s=lambda: now_s)
    first = await glance.run()
    assert first == await status.run()
    await system.ingest.batch([Message(b"more nonsense", "0", 9)])
    now_s = 14.9
    assert await glance.run() == first
    now_s = 15
    assert await glance.run() == await status.run() != first
    await glance.close()


async def test_overdue_periods_are_not_known_before_they_are_counted(status: Status) -> None:
    closed = (await status.answers(Seen(None, 0, 0), None))[4]
    assert (closed.answer, closed.figure, closed.remedy) == (
        "unknown",
        None,
        "being counted: ask again",
    )
