"""Deliver a report: its files, and last of all the manifest that says what they are.

A delivery without `manifest.json` is not complete. Names stay the same from run to run, so that the
same data gives the same bytes under the same names. In between nothing half done is taken for
whole:

1. Every file is staged, out of sight. Whatever fails until here, the delivery before it stays.
2. A manifest that would be wrong from now on is removed; one that says the same stays.
3. The files are published, one at once each; those that an earlier delivery of the same period had
   and this one has not are removed.
4. The manifest is published.

A crash from 2 to 4 leaves a delivery without a manifest; the next run makes it whole. Two runs of
one delivery at the same time are not told apart: the later run of the same data repairs it.
"""

import hashlib
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from metering.core.basics.csv_text import Cell, csv_line
from metering.core.basics.errors import InvariantBroken, MeteringError
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.exports.delivery_manifest import (
    MANIFEST,
    DeliveredFile,
    Manifest,
    Window,
    checked_name,
    manifest_bytes,
    read_manifest,
)
from metering.ports import ExportStore, Staged

type Progress = Callable[[int], None]
"""Told by a report how many pages (or whatever it reads) it has read since it last told."""


def untold(_: int) -> None:
    """Tell nobody."""


#: Lines that are joined before they go on: a store is not asked for each.
_LINES: Final = 1_000
#: gzip with no name and no time in it, so that the same content gives the same bytes.
_GZIP: Final = 31


class Chunk(NamedTuple):
    """A piece of a file, and how many rows of data are in it."""

    content: bytes
    rows: int = 0


class ReportFile(NamedTuple):
    """A file of a report; its content is made while it is read, once."""

    name: str
    chunks: AsyncIterable[Chunk]


class Report(Protocol):
    """Something to deliver, of one tenant or of all. Made anew for every delivery.

    `totals`, `as_of` and `notes` are asked for after all files have been read to their ends.
    """

    @property
    def kind(self) -> str:
        """What it is; the first folder of where it goes."""
        ...

    @property
    def window(self) -> Window:
        """What it is about."""
        ...

    @property
    def tenant(self) -> str | None:
        """Whose it is; None: of all."""
        ...

    def files(self) -> AsyncIterator[ReportFile]:
        """Yield the files; each is read to its end before the next is asked for."""
        ...

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of its amounts by currency."""
        ...

    def as_of(self) -> Instant | None:
        """Return when the last of what is in it was committed."""
        ...

    def notes(self) -> Mapping[str, str]:
        """Return what a reader must know of the figures."""
        ...


async def csv_chunks(
    header: Sequence[str], rows: AsyncIterable[Sequence[Cell]]
) -> AsyncIterator[Chunk]:
    """Yield a CSV file of rows; every file has its header, with or without rows."""
    yield Chunk(csv_line(header).encode())
    lines: list[str] = []
    async for row in rows:
        lines.append(csv_line(row))
        if len(lines) == _LINES:
            yield Chunk("".join(lines).encode(), len(lines))
            lines.clear()
    if lines:
        yield Chunk("".join(lines).encode(), len(lines))


class _Writing:
    """A file on its way into the store: what has gone by of it."""

    def __init__(self, name: str, *, compressed: bool) -> None:
        self.name = checked_name(f"{name}.gz" if compressed else name)
        self.rows = 0
        self._bytes = 0
        self._digest = hashlib.sha256()
        self._pack = zlib.compressobj(wbits=_GZIP) if compressed else None

    async def content(self, chunks: AsyncIterable[Chunk]) -> AsyncIterator[bytes]:
        """Yield what is to be stored of a file's chunks."""
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
        """Return what the manifest says of it, once all of it has gone by."""
        return DeliveredFile(self.name, self.rows, self._bytes, self._digest.hexdigest())


class DeliverExports:
    """The use case behind `metering export` and the timer `deliver_exports`."""

    def __init__(self, store: ExportStore, *, flat: bool = False) -> None:
        """Put files under KIND/TENANT/PERIOD/; `flat`: under no folder of their own.

        The tenant's folder is `tenant-ID`, or `all`. A folder of its own is the delivery's: what
        else is in it is removed.
        """
        self._store = store
        self._flat = flat

    async def deliver(self, report: Report, *, gzip: bool = False) -> Manifest:
        """Deliver a report, its CSV files compressed with `gzip`. Safe to repeat."""
        prefix = "" if self._flat else folder_of(report.kind, report.tenant, report.window)
        staged: list[Staged] = []
        try:
            files = await self._stage(report, prefix, staged, gzip=gzip)
            manifest = Manifest(
                report.kind,
                report.window,
                report.tenant,
                report.as_of(),
                files,
                report.totals(),
                report.notes(),
            )
            await self._publish(prefix, manifest, staged)
        except BaseException:
            for one in staged:
                # What stopped us is what to tell; what is left is forgotten by the store.
                with suppress(MeteringError):
                    await self._store.discard(one)
            raise
        return manifest

    async def manifest_of(self, kind: str, tenant: str | None, window: Window) -> Manifest | None:
        """Return the manifest of a delivery that is whole; None where there is none."""
        return await self._manifest(folder_of(kind, tenant, window))

    async def _stage(
        self, report: Report, prefix: str, staged: list[Staged], *, gzip: bool
    ) -> list[DeliveredFile]:
        files: list[DeliveredFile] = []
        async for name, chunks in report.files():
            writing = _Writing(name, compressed=gzip and name.endswith(".csv"))
            name_there = prefix + writing.name
            staged.append(await self._store.stage(name_there, writing.content(chunks)))
            files.append(writing.delivered())
        return files

    async def _publish(self, prefix: str, manifest: Manifest, staged: list[Staged]) -> None:
        content = manifest_bytes(manifest)
        before = await self._store.read(prefix + MANIFEST)
        stale = await self._stale(prefix, manifest, before)
        if before is not None and before != content:
            await self._store.remove(prefix + MANIFEST)
        while staged:
            await self._store.publish(staged[0])
            del staged[0]
        for name in stale:
            await self._store.remove(name)
        staged.append(await self._store.stage(prefix + MANIFEST, _once(content)))
        await self._store.publish(staged[0])

    async def _stale(self, prefix: str, manifest: Manifest, before: bytes | None) -> list[str]:
        """Return what an earlier delivery left that is not part of this one."""
        kept = {prefix + name for name in (*(one.name for one in manifest.files), MANIFEST)}
        if prefix:
            return [name for name in await self._store.names(prefix) if name not in kept]
        # A folder that somebody named may hold anything: only what our own manifest lists is ours.
        old = _read_or_none(before)
        if old is None or old.identity != manifest.identity:
            return []
        return [name for one in old.files if (name := checked_name(one.name)) not in kept]

    async def _manifest(self, prefix: str) -> Manifest | None:
        return _read_or_none(await self._store.read(prefix + MANIFEST))


def folder_of(kind: str, tenant: str | None, window: Window) -> str:
    """Return the folder of a delivery, with a slash last."""
    return f"{kind}/{'all' if tenant is None else f'tenant-{tenant}'}/{window.name}/"


def _read_or_none(content: bytes | None) -> Manifest | None:
    """Return a manifest; one that is not ours is none, and the delivery is made anew."""
    if content is None:
        return None
    try:
        return read_manifest(content)
    except InvariantBroken:
        return None


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
