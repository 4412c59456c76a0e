"""Files of Event Hubs Capture in a folder, or one such file."""

from collections.abc import AsyncIterator
from pathlib import Path

from metering.adapters.hubs.capture_avro import read_capture
from metering.core.basics.errors import CaptureDamaged, ConfigurationError
from metering.core.hubs.capture import CapturedEvent, CaptureFile


class CaptureFolder:
    """Implements CaptureSource."""

    def __init__(self, path: Path) -> None:
        """`path` is a file, or a folder that is searched with its subfolders."""
        self._path = path

    async def list_files(self) -> list[CaptureFile]:
        """Return the Avro files."""
        if self._path.is_file():
            return [_file(self._path)]
        if not self._path.is_dir():
            raise ConfigurationError(f"{self._path}: is neither a folder nor a file")
        return [_file(path) for path in self._path.rglob("*.avro") if path.is_file()]

    async def events(self, file: CaptureFile) -> AsyncIterator[CapturedEvent]:
        """Yield the events of one file."""
        try:
            # Only a command reads it, which has nothing else to do meanwhile.
            with Path(file.name).open("rb") as stream:  # noqa: ASYNC230
                for event in read_capture(stream):
                    yield event
        except OSError as error:
            raise CaptureDamaged(f"cannot be read: {error.strerror}") from error

    async def close(self) -> None:
        """Do nothing: no file stays open."""


def _file(path: Path) -> CaptureFile:
    return CaptureFile(path.resolve().as_posix(), path.stat().st_size)
