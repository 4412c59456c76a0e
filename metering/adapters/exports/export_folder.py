"""Exports in a folder: staged in the same folder under hidden names, published by renaming."""

import asyncio
import os
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.exports.delivery_manifest import checked_name, checked_prefix
from metering.ports import Staged

_STAGED: Final = ".part"
#: A hidden file of ours: the name that it is for, and what tempfile adds.
_HIDDEN: Final = re.compile(rf"\.(.+)\.[a-z0-9_]{{8}}{re.escape(_STAGED)}")
#: Older staged files were left by a crash: no delivery takes as long.
_LEFT_OVER_S: Final = 24 * 3600
_WRITE_BYTES: Final = 1024 * 1024
_NEVER_FITS: Final = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)


class ExportFolder:
    """Implements ExportStore. The folder is created on first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # By folder: what crashes of other processes left there, by the name that it was for.
        self._left: dict[Path, defaultdict[str, list[Path]]] = {}

    async def stage(self, name: str, content: AsyncIterator[bytes]) -> Staged:
        """Write and sync a hidden file in the same folder, where it can be renamed atomically.

        A small file is one call of a thread: a delivery may have thousands.
        """
        hidden = _Hidden(self._place(name))
        with self._translated(name):
            try:
                async for piece in content:
                    if hidden.hold(piece):
                        await asyncio.to_thread(hidden.write)
                await asyncio.to_thread(self._finish, hidden)
            except BaseException:
                hidden.drop()
                raise
        return Staged(name, (hidden.path,))

    def _finish(self, hidden: "_Hidden") -> None:
        hidden.finish()
        folder = hidden.place.parent
        if folder not in self._left:
            self._left[folder] = _left_over(folder)
        for left in self._left[folder].pop(hidden.place.name, ()):
            with suppress(OSError):
                left.unlink()

    async def publish(self, *staged: Staged) -> None:
        """Rename the staged files, then sync their folders, so that a power cut undoes nothing."""
        await asyncio.to_thread(self._put, staged)

    def _put(self, staged: Iterable[Staged]) -> None:
        staged = list(staged)
        places = self._placed(one.name for one in staged)
        # Temporary files are private to their owner; deliveries follow the umask.
        umask = os.umask(0)
        os.umask(umask)
        for one, place in zip(staged, places, strict=True):
            with self._translated(one.name):
                _put(one.parts[0], place, 0o666 & ~umask)
        for folder in {place.parent for place in places}:
            with self._translated(folder.name):
                _sync_folder(folder)

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

    async def folders(self, prefix: str) -> list[str]:
        """Return the names of the folders in a folder, except hidden ones and links."""
        below = self._folder / checked_prefix(prefix)
        with self._translated(prefix):
            return sorted(await asyncio.to_thread(lambda: list(_folders(below))))

    async def remove_folder(self, prefix: str) -> None:
        """Remove a folder with hidden files and all."""
        place = self._place(prefix.removesuffix("/"))
        self._left.pop(place, None)
        with self._translated(prefix):
            await asyncio.to_thread(_remove_tree, place)

    def _place(self, name: str) -> Path:
        """Return the path of a file; refuse a link that leads out of the folder."""
        return self._placed([name])[0]

    def _placed(self, names: Iterable[str]) -> list[Path]:
        """Return the paths of files; look at each of their folders once."""
        places: list[Path] = []
        within = {self._folder}
        for name in names:
            place = self._folder / checked_name(name)
            folder = place.parent
            if folder not in within:
                if not folder.resolve().is_relative_to(self._folder.resolve()):
                    raise ConfigurationError(f"export {name!r}: a link leads out of {self._folder}")
                within.add(folder)
            places.append(place)
        return places

    @contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = ConfigurationError if isinstance(error, _NEVER_FITS) else RetryableError
            place = self._folder / name
            raise kind(f"exports: {place}: {error.strerror or error}") from error


class _Hidden:
    """A hidden file beside its place, written a megabyte at a time."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.path = ""
        self._descriptor: int | None = None
        self._held = bytearray()

    def hold(self, piece: bytes) -> bool:
        """Keep a piece to be written; say whether it is time to write."""
        self._held += piece
        return len(self._held) >= _WRITE_BYTES

    def write(self) -> None:
        """Write what is held; the first time, make the file."""
        if self._descriptor is None:
            try:
                self._descriptor, self.path = self._made()
            except FileNotFoundError:
                self.place.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor, self.path = self._made()
        left = bytes(self._held)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._held.clear()

    def _made(self) -> tuple[int, str]:
        place = self.place
        return tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.", suffix=_STAGED)

    def finish(self) -> None:
        """Write the rest, and wait for the disk."""
        self.write()
        assert self._descriptor is not None
        os.fsync(self._descriptor)
        self._close()

    def drop(self) -> None:
        """Remove the file, if there is one."""
        self._close()
        with suppress(OSError):
            os.unlink(self.path)  # noqa: PTH108, a path of tempfile's is a string

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _left_over(folder: Path) -> defaultdict[str, list[Path]]:
    """Return hidden files that crashes left, by the name that each was for.

    The folder is read once: one look for each file would cost as much as their number squared.
    """
    found: defaultdict[str, list[Path]] = defaultdict(list)
    with os.scandir(folder) as entries:
        hidden = [(one, of[1]) for one in entries if (of := _HIDDEN.fullmatch(one.name))]
    with suppress(OSError):
        times = [(Path(one.path), name, one.stat().st_mtime) for one, name in hidden]
        # A file of ours has just been written: its time is that of the folder's clock.
        now = max((time for _, _, time in times), default=0)
        for path, name, time in times:
            if now - time > _LEFT_OVER_S:
                found[name].append(path)
    return found


def _put(staged: str, place: Path, mode: int) -> None:
    os.chmod(staged, mode)  # noqa: PTH101, a path of tempfile's is a string
    os.replace(staged, place)  # noqa: PTH105


def _remove(place: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        place.unlink()
        _sync_folder(place.parent)


def _folders(below: Path) -> Iterator[str]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(below) as entries:
        for one in entries:
            if one.is_dir(follow_symlinks=False) and not one.name.startswith("."):
                yield one.name


def _remove_tree(place: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        shutil.rmtree(place)
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
