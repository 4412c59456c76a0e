"""Deliver a report: its files, and last the manifest that lists them.

A delivery without `manifest.json` is incomplete. Names stay the same from run to run, and the same
data gives the same bytes. A delivery never looks complete before it is:

1. Every file is staged, invisible to readers. On a failure the previous delivery stays.
2. The previous manifest is removed if it changes; an identical one stays.
3. Each file is published atomically; files of an earlier delivery of the same period that this one
   does not have are removed.
4. The manifest is published.

A crash between 2 and 4 leaves a delivery without a manifest; the next run completes it. Concurrent
runs of one delivery are not coordinated: the next run repairs a mixed result.
"""

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from metering.app.exports.csv_format import CSV
from metering.app.ledger.one_by_one import OneByOne
from metering.core.basics.errors import InvariantBroken, MeteringError
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.exports.delivery_manifest import (
    MANIFEST,
    DeliveredFile,
    Format,
    Manifest,
    Window,
    checked_name,
    manifest_bytes,
    read_manifest,
)
from metering.ports import Chunk, ExportStore, Staged, Table, TableFormat

type Progress = Callable[[int], None]
"""Called by a report with the number of pages (or statements) read since the last call."""


def no_progress(_: int) -> None:
    """Ignore progress."""


#: The note that names what could not be read: such a delivery is made again until it can.
LEFT_OUT: Final = "left_out"


def left_out(one_by_one: OneByOne) -> Mapping[str, str]:
    """Return the note on the ledgers that a report had to leave out; empty if there are none."""
    names = one_by_one.left_out
    return {LEFT_OUT: "; ".join(map(str, names.values()))} if names else {}


#: gzip without name and time, so that the same content gives the same bytes.
_GZIP: Final = 31


class ReportFile(NamedTuple):
    """A file of a report; its content can be read once.

    A table is written in the format of the delivery, which gives its name the ending.
    """

    name: str
    content: Table | AsyncIterable[Chunk]


class Report(Protocol):
    """A report of one tenant or of all tenants. Create a new one for every delivery.

    Read `totals`, `as_of` and `notes` after all files have been read to their ends.
    """

    @property
    def kind(self) -> str:
        """The kind of report; also the first folder of its path."""
        ...

    @property
    def window(self) -> Window:
        """The window that it covers."""
        ...

    @property
    def tenant(self) -> str | None:
        """The tenant; None for all tenants."""
        ...

    def files(self) -> AsyncIterator[ReportFile]:
        """Yield the files; read each to its end before the next."""
        ...

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of its amounts by currency."""
        ...

    def as_of(self) -> Instant | None:
        """Return the commit time of the last usage in it."""
        ...

    def notes(self) -> Mapping[str, str]:
        """Return notes on the figures."""
        ...


class _Writing:
    """A file being staged: counts and hashes the content that passes."""

    def __init__(self, name: str, *, compressed: bool) -> None:
        self.name = checked_name(f"{name}.gz" if compressed else name)
        self.rows = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        self._pack = zlib.compressobj(wbits=_GZIP) if compressed else None

    async def content(self, chunks: AsyncIterable[Chunk]) -> AsyncIterator[bytes]:
        """Yield the bytes to store for a file's chunks."""
        async for content, rows in chunks:
            self.rows += rows
            yield self._passed(self._pack.compress(content) if self._pack else content)
        if self._pack:
            yield self._passed(self._pack.flush())

    def _passed(self, piece: bytes) -> bytes:
        self._bytes += len(piece)
        self._digest.update(piece)
        return piece

    def delivered(self) -> DeliveredFile:
        """Return the file's entry in the manifest, after all content has passed."""
        return DeliveredFile(self.name, self.rows, self._bytes, self._digest.hexdigest())


@dataclass(slots=True)
class DeliverExports:
    """The use case behind `metering export` and the timer `deliver_exports`.

    Files go to KIND/TENANT/PERIOD/, where TENANT is `tenant-ID` or `all`. That folder belongs to
    the delivery: other files in it are removed. With `flat` they go to the root of the store.
    """

    store: ExportStore
    flat: bool = field(default=False, kw_only=True)

    async def deliver(
        self, report: Report, *, form: TableFormat = CSV, gzip: bool = False
    ) -> Manifest:
        """Deliver a report: tables in a format, CSV files packed with `gzip`. Safe to repeat."""
        place = report.kind, report.tenant, report.window, form.name
        prefix = "" if self.flat else folder_of(*place)
        staged: list[Staged] = []
        try:
            manifest = await self.stage(report, prefix, staged, form=form, gzip=gzip)
            await self._publish(prefix, manifest, staged)
        except BaseException:
            for one in staged:
                # Report the first error; the store discards staged files by itself in time.
                with suppress(MeteringError):
                    await self.store.discard(one)
            raise
        return manifest

    async def manifest_of(
        self, kind: str, tenant: str | None, window: Window, form: Format = "csv"
    ) -> Manifest | None:
        """Return the manifest of a complete delivery; None if it is not complete."""
        found = await self.manifest_in(folder_of(kind, tenant, window, form))
        return None if found is None or LEFT_OUT in found.notes else found

    async def stage(
        self,
        report: Report,
        prefix: str,
        staged: list[Staged],
        *,
        form: TableFormat,
        gzip: bool,
    ) -> Manifest:
        """Stage the files of a report below a prefix, and return the manifest that lists them."""
        files: list[DeliveredFile] = []
        async for name, chunks in _written(report, form):
            writing = _Writing(name, compressed=gzip and name.endswith(".csv"))
            name_there = prefix + writing.name
            staged.append(await self.store.stage(name_there, writing.content(chunks)))
            files.append(writing.delivered())
        return Manifest(
            report.kind,
            report.window,
            report.tenant,
            report.as_of(),
            files,
            report.totals(),
            report.notes(),
            form.name,
        )

    async def _publish(self, prefix: str, manifest: Manifest, staged: list[Staged]) -> None:
        content = manifest_bytes(manifest)
        before = await self.store.read(prefix + MANIFEST)
        stale = await self._stale(prefix, manifest, before)
        if before is not None and before != content:
            await self.store.remove(prefix + MANIFEST)
        await self.store.publish(*staged)
        staged.clear()
        for name in stale:
            await self.store.remove(name)
        staged.append(await self.store.stage(prefix + MANIFEST, once(content)))
        await self.store.publish(staged[0])

    async def _stale(self, prefix: str, manifest: Manifest, before: bytes | None) -> list[str]:
        """Return the files of an earlier delivery that are not part of this one."""
        kept = {prefix + name for name in (*(one.name for one in manifest.files), MANIFEST)}
        if prefix:
            return [name for name in await self.store.names(prefix) if name not in kept]
        # A folder chosen by a user may hold other files: only those in our own manifest are ours.
        old = _read_or_none(before)
        if old is None or old.identity != manifest.identity:
            return []
        return [name for one in old.files if (name := checked_name(one.name)) not in kept]

    async def manifest_in(self, prefix: str) -> Manifest | None:
        """Return the manifest in a folder; None if there is none of ours."""
        return _read_or_none(await self.store.read(prefix + MANIFEST))


async def _written(
    report: Report, form: TableFormat
) -> AsyncIterator[tuple[str, AsyncIterable[Chunk]]]:
    """Yield the names and contents of a report's files, with its tables in a format."""
    async for name, content in report.files():
        if isinstance(content, Table):
            file = f"{name}.{form.name}"
            yield file, form.chunks(file, content)
        else:
            yield name, content


def folder_of(kind: str, tenant: str | None, window: Window, form: Format = "csv") -> str:
    """Return the folder of a delivery, with a trailing slash."""
    of = kind if form == CSV.name else f"{kind}-{form}"
    return f"{of}/{'all' if tenant is None else f'tenant-{tenant}'}/{window.file_name}/"


def _read_or_none(content: bytes | None) -> Manifest | None:
    """Parse a manifest; return None if it is not one of ours, so that the delivery is rebuilt."""
    if content is None:
        return None
    try:
        return read_manifest(content)
    except InvariantBroken:
        return None


async def once(content: bytes) -> AsyncIterator[bytes]:
    """Yield the content of a small file."""
    yield content
