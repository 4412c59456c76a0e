"""Deliver a provisional report: the next run replaces it whole, and readers see the old or the new.

The manifest stays at KIND-provisional/TENANT/PERIOD/manifest.json. Its files are in a folder beside
it, a generation, whose name no other run has:

1. Every file is staged, and then published, in the new generation. No manifest names it.
2. The manifest is replaced in one step. Until then readers have the files of the one before.
3. Generations that are neither named now nor were until now, and are older than KEPT, are removed:
   those of earlier runs, and what crashed runs left.

A crash at any step leaves a manifest and all of its files; a later run removes the rest. Of two
runs at once, one whose generation began earlier does not replace a later one that it sees.
"""

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from metering.app.exports.csv_format import CSV
from metering.app.exports.deliver_exports import DeliverExports, Report, folder_of, once
from metering.core.basics.errors import MeteringError
from metering.core.exports.delivery_manifest import (
    MANIFEST,
    PROVISIONAL,
    Format,
    Manifest,
    Window,
    manifest_bytes,
)
from metering.core.exports.generations import begun, generation_name, is_over
from metering.ports import Clock, Staged, TableFormat

_TOKEN_BYTES: Final = 4
_NOT_CLOSED: Final = "a period is not closed: the next run replaces the delivery"


@dataclass(slots=True)
class ProvisionalExports:
    """Keeps one whole delivery of each provisional report."""

    exports: DeliverExports
    clock: Clock

    async def deliver(
        self, report: Report, *, form: TableFormat = CSV, gzip: bool = False
    ) -> Manifest:
        """Replace a report's delivery. Safe to repeat."""
        folder = provisional_folder(report.kind, report.tenant, report.window, form.name)
        generation = generation_name(self.clock.now(), secrets.token_hex(_TOKEN_BYTES))
        staged: list[Staged] = []
        try:
            manifest = await self.exports.stage(
                report, f"{folder}{generation}/", staged, form=form, gzip=gzip
            )
            manifest = replace(
                manifest,
                files=[one._replace(name=f"{generation}/{one.name}") for one in manifest.files],
                notes={PROVISIONAL: _NOT_CLOSED, **manifest.notes},
                generation=generation,
            )
            await self.exports.store.publish(*staged)
            staged.clear()
            before = await self.exports.manifest_in(folder)
            named = None if before is None else before.generation
            if named is None or _begun(named) <= _begun(generation):
                content = manifest_bytes(manifest)
                staged.append(await self.exports.store.stage(folder + MANIFEST, once(content)))
                await self.exports.store.publish(*staged)
        except BaseException:
            for one in staged:
                # Report the first error; the generation goes with a later run.
                with suppress(MeteringError):
                    await self.exports.store.discard(one)
            raise
        await self._clean(folder, {generation, named})
        return manifest

    async def begun(
        self, kind: str, tenant: str | None, window: Window, form: Format
    ) -> int | None:
        """Return when the delivery in place was begun; None without one."""
        found = await self.exports.manifest_in(provisional_folder(kind, tenant, window, form))
        return None if found is None or found.generation is None else _begun(found.generation)

    async def keep_only(
        self, kind: str, tenant: str | None, form: Format, windows: Collection[Window]
    ) -> None:
        """Remove the deliveries of all other periods: what is closed has its final exports."""
        parent = _parent(kind, tenant, form)
        kept = {window.file_name for window in windows}
        for name in await self.exports.store.folders(parent):
            if name not in kept:
                # The manifest goes first, so that no reader finds one without its files.
                await self.exports.store.remove(f"{parent}{name}/{MANIFEST}")
                await self.exports.store.remove_folder(f"{parent}{name}/")

    async def _clean(self, folder: str, kept: Collection[str | None]) -> None:
        now = self.clock.now()
        for name in await self.exports.store.folders(folder):
            if name not in kept and is_over(name, now):
                await self.exports.store.remove_folder(f"{folder}{name}/")


def provisional_folder(kind: str, tenant: str | None, window: Window, form: Format = "csv") -> str:
    """Return the folder of a provisional delivery, with a trailing slash."""
    return folder_of(f"{kind}-{PROVISIONAL}", tenant, window, form)


def _parent(kind: str, tenant: str | None, form: Format) -> str:
    return provisional_folder(kind, tenant, Window("-"), form).removesuffix("-/")


def _begun(generation: str) -> int:
    return begun(generation) or 0
