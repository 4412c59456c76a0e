"""AuditLog: entries of a day, newest first, each kept once and as it was."""

from typing import Any

from metering.bootstrap import Stores
from metering.core.basics.instants import DAY, Instant
from metering.core.tenancy.audit import AuditEntry, Outcome, day_of, entry_id
from tests.builders import NOW


def entry(act: str, at: Instant = NOW, **changes: Any) -> AuditEntry:
    made = AuditEntry(
        entry_id(at, act, Outcome.DONE),
        act,
        at,
        "user:x",
        "plan.set",
        "plan/pro",
        Outcome.DONE,
        None,
        '{"markup": "ü"}',
    )
    return made._replace(**changes)


async def test_an_entry_reads_back_as_it_was_on_its_day(stores: Stores) -> None:
    await stores.audit.append_audit(entry("a", before="{}"))
    await stores.audit.append_audit(entry("b", at=NOW - DAY))
    assert await stores.audit.read_audit(day_of(NOW), before=None, limit=9) == [
        entry("a", before="{}")
    ]
    assert await stores.audit.read_audit("2026-11-21", before=None, limit=9) == []


async def test_an_entry_that_is_there_stays_as_it_is(stores: Stores) -> None:
    await stores.audit.append_audit(entry("a"))
    await stores.audit.append_audit(entry("a", after="{}"))
    assert await stores.audit.read_audit(day_of(NOW), before=None, limit=9) == [entry("a")]


async def test_a_day_is_read_newest_first_and_on_from_an_id(stores: Stores) -> None:
    entries = [entry(f"a{n}", at=NOW + n) for n in range(4)]
    for one in (entries[2], entries[0], entries[3], entries[1]):
        await stores.audit.append_audit(one)
    first = await stores.audit.read_audit(day_of(NOW), before=None, limit=3)
    assert first == entries[:0:-1]
    rest = await stores.audit.read_audit(day_of(NOW), before=first[-1].id, limit=3)
    assert rest == [entries[0]]
