"""Two versions at once: while instances are replaced one by one, nothing is lost or refused."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.ledger.reading import pages as read_all
from metering.core.basics.errors import NewerVersionError
from metering.core.ledger import page as pages
from tests.builders import body

type System = Any


async def count(system: System, name: str, subject: str) -> int:
    made = body(id=name, subject=subject)
    return int((await system.ingest.batch([Message(made, "0", 0)])).accepted)


async def test_an_old_instance_leaves_a_ledger_of_the_new_version_to_it(
    system: System, make_system: Callable[[], System], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both take batches. Only the new one knows the new schema of pages."""
    assert await count(system, "a", "acme") == 1
    newer = pages.SCHEMA + 2
    with monkeypatch.context() as upgraded:
        upgraded.setattr(pages, "SCHEMA", newer)
        upgraded.setattr(pages, "CLOSING_SCHEMA", newer)
        assert await count(system, "b", "globex") == 1
        (ledger,) = await system.store.ledgers("globex")
    # The old instance: its own ledgers go on, the other's batch is tried again later.
    old = make_system()
    assert await count(old, "c", "acme") == 1
    with pytest.raises(NewerVersionError, match="globex.* written by a newer version"):
        await count(old, "d", "globex")
    assert (await old.letters.counts()).kept == {}
    assert old.alerts.messages == []
    # The hub delivers it again, by now to the new version: counted once.
    with monkeypatch.context() as upgraded:
        upgraded.setattr(pages, "SCHEMA", newer)
        upgraded.setattr(pages, "CLOSING_SCHEMA", newer)
        for _ in range(2):
            await count(system, "d", "globex")
        entries = [
            entry.key[2] async for page in read_all(system.store, ledger) for entry in page.entries
        ]
    assert sorted(entries) == ["b", "d"]
