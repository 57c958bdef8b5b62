"""How httpcore reaches the network here: asyncio's streams, with as few calls of the system as there can be.

A call that sends costs more than all else about a small request. So a request's head waits for the first part of its
body; and whether an idle connection is still good is known without asking the system.
"""

import asyncio
import ssl
from collections.abc import Iterable

import httpcore

_SMALLEST_LIMIT = 2**16


class _Reader(asyncio.StreamReader):
    """A reader that knows how much of what has arrived nobody has read yet."""

    unread = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # what arrives is bytes
        """Take what has arrived."""
        self.unread += len(data)
        super().feed_data(data)


class Stream(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, reader: _Reader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._held = b""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what is held, and wait for something; empty: the other side has closed."""
        try:
            async with asyncio.timeout(timeout):
                await self._send(b"")
                piece = await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("nothing arrives") from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error
        self._reader.unread -= len(piece)
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Hold the first of several parts, and send it with the second."""
        if not buffer:
            return
        if not self._held:
            self._held = bytes(buffer)
            return
        try:
            async with asyncio.timeout(timeout):
                await self._send(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout("nothing is taken") from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Close at once; nobody waits for farewells."""
        self._writer.transport.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Return the same: where TLS is spoken, it was begun with the connection."""
        return self

    def get_extra_info(self, info: str) -> object:
        """Tell what httpcore asks: whether an idle connection has been closed, or got what nobody asked for."""
        if info == "is_readable":
            reader = self._reader
            return bool(reader.unread) or reader.at_eof() or reader.exception() is not None
        return self._writer.get_extra_info(info)

    async def _send(self, buffer: bytes) -> None:
        whole, self._held = self._held + buffer, b""
        if whole:
            self._writer.write(whole)
            await self._writer.drain()


class Backend(httpcore.AsyncNetworkBackend):
    """Connects to one node, with TLS if there is a context."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection that is ready, TLS included."""
        loop = asyncio.get_running_loop()
        reader = _Reader(_SMALLEST_LIMIT, loop)
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            async with asyncio.timeout(timeout):
                transport, _ = await loop.create_connection(lambda: protocol, host, port, ssl=self._context)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
