"""A proxy that can cut the connections between a client and a server within a request."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self


class CuttingProxy:
    """Forwards bytes to a port of loopback; after a number of bytes it cuts all connections."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._left: int | None = None
        self._once = False
        self.cuts = 0
        self.port = 0

    def cut_after(self, uploaded_bytes: int) -> None:
        """Forward `uploaded_bytes` more, then cut all connections, and later ones at once."""
        self._left = uploaded_bytes

    def cut_once(self) -> None:
        """Cut all connections at the next uploaded byte; forward everything afterwards."""
        self._left, self._once = 0, True

    def mend(self) -> None:
        """Forward everything again."""
        self._left = None

    async def __aenter__(self) -> Self:
        """Start listening."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        assert self._server is not None
        self._cut()
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, up_writer]
        await asyncio.gather(
            self._pass(reader, up_writer, counts=True), self._pass(up_reader, writer, counts=False)
        )
        for one in (writer, up_writer):
            one.close()
            with suppress(OSError):
                await one.wait_closed()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counts: bool
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(65_536):
                if counts and self._left is not None:
                    if len(piece) > self._left:
                        self.cuts += 1
                        self._left, self._once = (None if self._once else 0), False
                        self._cut()
                        return
                    self._left -= len(piece)
                writer.write(piece)
                await writer.drain()
            writer.close()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
