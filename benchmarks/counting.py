"""Counting events: in memory, and committed to the embedded ledger, beside validation alone."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final

from benchmarks.events import BATCH_SIZE, NOW, Batch, Load
from benchmarks.timing import Contender
from metering.adapters.files import committed_prices
from metering.app.ingest.ingest import Message
from metering.app.ledger.ledger_view import LedgerView
from metering.bootstrap import App
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import format_instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, slot_of
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page, seal
from metering.core.prices.price_book import PriceBook
from metering.core.tenancy.decisions import automatic_tenant, map_subject
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.event import LlmUsageEvent
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from metering.local.demo.traffic import SUBSCRIPTIONS
from metering.settings.settings import read_settings

#: A folder that is on a disk where /tmp may be memory, which would make commits look free.
_ON_DISK: Final = Path("/var/tmp")  # noqa: S108, a private folder is made in it
#: What SQLite takes as "no file": the same code without a disk.
_IN_MEMORY: Final = Path(":memory:")


def contenders(alone: Load, mixed: Load) -> dict[str, Contender]:
    """Return what is measured about counting, by a short name."""
    prices = PriceBook(committed_prices())
    one = f"{BATCH_SIZE} events, 1 tenant"
    five = f"{len(mixed.timed[0]):,} events, {len(SUBSCRIPTIONS)} tenants"
    count = alone.events
    return {
        "validation": Contender(
            "pydantic validation alone", "no batches", count, partial(_validate, alone)
        ),
        "core": Contender(
            "decode + dedupe + rate + fold", one, count, partial(_in_core, alone, prices)
        ),
        "sealing": Contender(
            "  sealing pages, part of the line above", one, count, partial(_seal, alone, prices)
        ),
        "memory": Contender(
            "ingest, store in memory", one, count, partial(_ingest, alone, _IN_MEMORY)
        ),
        "durable": Contender(
            "ingest, committed to disk", one, count, partial(_ingest_durably, alone)
        ),
        "durable_mixed": Contender(
            "ingest, committed to disk", five, mixed.events, partial(_ingest_durably, mixed)
        ),
    }


def _validate(load: Load) -> float:
    bodies = [body for batch in load.timed for body in batch]
    validate = LlmUsageEvent.model_validate_json
    start = perf_counter()
    for body in bodies:
        validate(body)
    return perf_counter() - start


class Core:
    """A process's memory between batches, without a store behind it."""

    def __init__(self, prices: PriceBook) -> None:
        self._reader = UsageReader()
        self.terms_book = TermsBook(_directory(), prices)
        self._views: dict[LedgerId, LedgerView] = {}

    def read(self, bodies: Iterable[bytes]) -> list[Usage]:
        """Return the usage in the bodies."""
        return [self._reader.read(body, NOW) for body in bodies]

    def batch(self, bodies: Batch) -> list[Commit]:
        """Read, route and plan a batch, and remember its entries."""
        by_ledger: defaultdict[LedgerId, list[Usage]] = defaultdict(list)
        for usage in self.read(bodies):
            terms = self.terms_book.terms(usage.dimensions.subject, usage.time)
            by_ledger[terms.ledger].append(usage)
        return [self._commit(ledger, usages) for ledger, usages in by_ledger.items()]

    def _commit(self, ledger: LedgerId, usages: Sequence[Usage]) -> Commit:
        view = self._views.get(ledger)
        if view is None:
            view = self._views[ledger] = LedgerView(Head(ledger))
        own = {slot_of(usage.time) for usage in usages}
        slots = sorted({slot + step for slot in own for step in (-1, 0, 1)})
        view.learn(view.missing(slots), ())
        commit = plan_commit(view.head, view.known(slots), usages, self.terms_book.rate, NOW)
        view.advance(commit.head, commit.pages)
        return commit


def _directory() -> Directory:
    """Return the directory in which every subscription is a tenant of its own, on list prices."""
    directory = Directory()
    for subject, _ in SUBSCRIPTIONS:
        tenant = automatic_tenant(directory, subject)
        record = map_subject(directory, subject, tenant, NOW, BEGINNING).record
        assert record is not None
        directory.apply([record])
    return directory


def _in_core(load: Load, prices: PriceBook) -> float:
    core = Core(prices)
    for batch in load.warm:
        core.batch(batch)
    accepted = 0
    start = perf_counter()
    for batch in load.timed:
        accepted += sum(commit.accepted for commit in core.batch(batch))
    seconds = perf_counter() - start
    _check(accepted, load)
    return seconds


def _seal(load: Load, prices: PriceBook) -> float:
    """Seal once more the pages that the core made of the load."""
    core = Core(prices)
    commits = [commit for batch in load.timed for commit in core.batch(batch)]
    pages = [page for commit in commits for page in commit.pages]
    start = perf_counter()
    for page in pages:
        _seal_again(page)
    return perf_counter() - start


def _seal_again(page: Page) -> None:
    seal(
        page.ledger,
        page.slot,
        page.entries,
        number=page.number,
        previous=page.previous,
        committed=page.committed,
    )


def disk_folder() -> Path | None:
    """Return the folder to make temporary folders in; None where the system's will do."""
    return _ON_DISK if _ON_DISK.is_dir() else None


def _ingest_durably(load: Load) -> float:
    with TemporaryDirectory(prefix="metering-bench-", dir=disk_folder()) as path:
        return _ingest(load, Path(path) / "metering.db")


def _ingest(load: Load, store: Path) -> float:
    environment = {"METERING_STORE": f"sqlite:///{store}", "METERING_NOW": format_instant(NOW)}
    return asyncio.run(_ingest_batches(App(read_settings(environment)), load))


def _messages(batches: Iterable[Batch]) -> list[list[Message]]:
    return [[Message(body, "0", row) for row, body in enumerate(batch)] for batch in batches]


async def _ingest_batches(app: App, load: Load) -> float:
    warm, timed = (_messages(batches) for batches in (load.warm, load.timed))
    try:
        for batch in warm:
            await app.ingest.batch(batch)
        accepted = 0
        start = perf_counter()
        for batch in timed:
            accepted += (await app.ingest.batch(batch)).accepted
        seconds = perf_counter() - start
    finally:
        await app.close()
    _check(accepted, load)
    return seconds


def _check(accepted: int, load: Load) -> None:
    """Refuse a pass that did not count every event: it measured something else."""
    if accepted != load.events:
        raise MeteringError(f"{accepted} of {load.events} events were accepted")
