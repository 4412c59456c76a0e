"""Where Event Hubs Capture has put its files."""

from collections.abc import AsyncIterator
from typing import Protocol

from metering.core.hubs.capture import CapturedEvent, CaptureFile


class CaptureSource(Protocol):
    """A folder or a container with files of Capture. Only read.

    RetryableError when it is busy or out of reach, ConfigurationError when signing in fails, a
    permission lacks or it is not there.
    """

    async def list_files(self) -> list[CaptureFile]:
        """Return the Avro files, in any order."""
        ...

    def events(self, file: CaptureFile) -> AsyncIterator[CapturedEvent]:
        """Yield the events of one file in its order.

        CaptureDamaged, after what could be read, for a file that is no such file or is cut off.
        """
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...
