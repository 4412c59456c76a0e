"""Exports in a folder: staged in the same folder under hidden names, published by renaming."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.exports.delivery_manifest import checked_name, checked_prefix
from metering.ports import Staged

_STAGED: Final = ".part"
#: Older staged files were left by a crash: no delivery takes as long.
_LEFT_OVER_S: Final = 24 * 3600
_WRITE_BYTES: Final = 1024 * 1024
_NEVER_FITS: Final = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class ExportFolder:
    """Implements ExportStore. The folder is created on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def stage(self, name: str, content: AsyncIterator[bytes]) -> Staged:
        """Write and sync a hidden file in the same folder, where it can be renamed atomically."""
        place = self._place(name)
        with self._translated(name):
            descriptor, path = await asyncio.to_thread(_open_beside, place)
            try:
                with os.fdopen(descriptor, "wb", buffering=_WRITE_BYTES) as file:
                    async for piece in content:
                        await asyncio.to_thread(file.write, piece)
                    await asyncio.to_thread(_sync, file.fileno(), file.flush)
            except BaseException:
                with suppress(OSError):
                    os.unlink(path)  # noqa: PTH108, a path of tempfile's is a string
                raise
        return Staged(name, (path,))

    async def publish(self, staged: Staged) -> None:
        """Rename the staged file and sync the folder, so that a power cut does not undo it."""
        with self._translated(staged.name):
            await asyncio.to_thread(_put, Path(staged.parts[0]), self._place(staged.name))

    async def discard(self, staged: Staged) -> None:
        """Remove the hidden file."""
        with self._translated(staged.name):
            await asyncio.to_thread(_remove, Path(staged.parts[0]))

    async def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None if it does not exist."""
        place = self._place(name)
        with self._translated(name):
            try:
                return await asyncio.to_thread(place.read_bytes)
            except (FileNotFoundError, NotADirectoryError):
                return None

    async def names(self, prefix: str) -> list[str]:
        """Return the names of the files below a folder, except hidden ones."""
        below = self._folder / checked_prefix(prefix)
        with self._translated(prefix):
            return sorted(await asyncio.to_thread(lambda: list(_names(self._folder, below))))

    async def remove(self, name: str) -> None:
        """Remove a file."""
        place = self._place(name)
        with self._translated(name):
            await asyncio.to_thread(_remove, place)

    def _place(self, name: str) -> Path:
        """Return the path of a file; refuse a link that leads out of the folder."""
        place = self._folder / checked_name(name)
        root = self._folder.resolve()
        if not place.parent.resolve().is_relative_to(root):
            raise ConfigurationError(f"export {name!r}: a link leads out of {self._folder}")
        return place

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = ConfigurationError if isinstance(error, _NEVER_FITS) else RetryableError
            place = self._folder / name
            raise kind(f"exports: {place}: {error.strerror or error}") from error


def _open_beside(place: Path) -> tuple[int, str]:
    place.parent.mkdir(parents=True, exist_ok=True)
    made = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=_STAGED)
    now = os.fstat(made[0]).st_mtime
    for left in place.parent.glob(f".{place.name}.*{_STAGED}"):
        with suppress(OSError):
            if now - left.stat().st_mtime > _LEFT_OVER_S:
                left.unlink()
    return made


def _sync(descriptor: int, flush: object) -> None:
    assert callable(flush)
    flush()
    os.fsync(descriptor)


def _put(staged: Path, place: Path) -> None:
    # Temporary files are private to their owner; deliveries follow the umask.
    umask = os.umask(0)
    os.umask(umask)
    staged.chmod(0o666 & ~umask)
    staged.replace(place)
    _sync_folder(place.parent)


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        place.unlink()
        _sync_folder(place.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _names(root: Path, below: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(below):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith("."):
                yield (Path(folder) / name).relative_to(root).as_posix()
